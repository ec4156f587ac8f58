package web

import (
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mailops/reconcile"
	"mailops/reconcile/agent"
)

// Metrics are what Prometheus asks an agent for. It is an agent.Observer.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler

	runs     *prometheus.CounterVec
	took     prometheus.Histogram
	applied  prometheus.Histogram
	changes  *prometheus.CounterVec
	refusals *prometheus.CounterVec
	hooks    *prometheus.CounterVec
	shots    *prometheus.CounterVec
	board    *board
}

var _ agent.Observer = (*Metrics)(nil)

// NewMetrics makes metrics of a version of the program. queue says how many
// causes to look wait; nil leaves that out.
func NewMetrics(version string, queue func() int) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		runs:     counter("runs_total", "Looks at the repository and the live store, by how they ended.", "result"),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + "run_duration_seconds", Help: "How long looks took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}}),
		applied: prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + "commit_to_applied_seconds", Help: "From the time of a commit to the apply that brought it into force.",
			Buckets: []float64{.25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}}),
		changes:  counter("changes_total", "Changes of the live store, by what they change and why: a commit (or what it schedules), or drift that was taken back.", "kind", "op", "cause"),
		refusals: counter("guard_refusals_total", "What guards and rules refused of plans.", "rule"),
		hooks:    counter("hook_requests_total", "Webhooks, by what became of them.", "kind", "result"),
		shots:    counter("snapshots_total", "Snapshots of the live store, by whether they were published or that failed.", "result"),
		board:    &board{},
	}
	m.registry.MustRegister(m.runs, m.took, m.applied, m.changes, m.refusals, m.hooks, m.shots, m.board, built(version),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if queue != nil {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + "queue_depth", Help: "Causes to look that wait for the look under way to end."},
			func() float64 { return float64(queue()) }))
	}
	for _, r := range []agent.Result{agent.ResultIdle, agent.ResultApplied, agent.ResultRefused, agent.ResultFailed, agent.ResultStandby} {
		m.runs.WithLabelValues(string(r)) // a rate needs a beginning
	}
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

// Objects counts what was read of a repository, as read says.
func (m *Metrics) Objects(read func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + "git_objects_read_total", Help: "Objects read from the repository."},
		func() float64 { return float64(read()) }))
}

const prefix = "mailops_agent_"

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}

func built(version string) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mailops_build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()}})
	g.Set(1)
	return g
}

// Hook counts a webhook by its kind and what became of it.
func (m *Metrics) Hook(kind, result string) { m.hooks.WithLabelValues(kind, result).Inc() }

// Ran counts what a look did, and keeps what is known after it.
func (m *Metrics) Ran(r agent.Report, s *agent.Status) {
	m.runs.WithLabelValues(string(r.Result)).Inc()
	m.took.Observe(r.Duration.Seconds())
	if r.Run != 0 && r.Plan != nil {
		m.count(r.Plan.Changes)
	}
	if r.Run != 0 && r.Newer && !r.Revision.At.IsZero() {
		m.applied.Observe(max(0, r.At.Add(r.Duration).Sub(r.Revision.At).Seconds()))
	}
	if r.Verdict != nil { // a new one
		m.refuse(r.Verdict.Findings)
	}
	m.refuse(r.Alone)
	if r.Verdict == nil {
		m.refuse(r.Findings)
	}
	m.board.set(s, r.Err == nil && r.Result != agent.ResultStandby)
}

// Published counts a snapshot that was published, or could not be.
func (m *Metrics) Published(s *agent.Status) {
	result := "published"
	if s.Publication.Failed > 0 {
		result = "failed"
	}
	m.shots.WithLabelValues(result).Inc()
	m.board.set(s, false)
}

func (m *Metrics) refuse(findings []reconcile.Finding) {
	for i := range findings {
		m.refusals.WithLabelValues(findings[i].Rule).Inc()
	}
}

func (m *Metrics) count(changes []reconcile.Change) {
	for i := range changes {
		c := &changes[i]
		cause := "commit"
		if drifted(c.Fields) {
			cause = "drift"
		}
		m.changes.WithLabelValues(kindWords[c.Kind], string(c.Op), cause).Inc()
	}
}

// drifted reports whether nothing but drift is the reason of a change.
func drifted(fields []reconcile.FieldChange) bool {
	for _, f := range fields {
		if !f.Drift {
			return false
		}
	}
	return len(fields) > 0
}

// A board holds what is known after the last look, all of one moment. What is
// not the case any more is not there any more.
type board struct {
	mu      sync.Mutex
	values  []value
	success time.Time
}

type value struct {
	gauge  int
	value  float64
	labels []string
}

// The gauges of a board, in the order of their descriptions.
const (
	gaugeDrift = iota
	gaugeWaiting
	gaugeProblems
	gaugeLive
	gaugeWant
	gaugeSuccess
	gaugeInForce
	gaugeLeader
	gaugePauses
	gaugeBudget
	gaugePublished
)

func descriptions() []*prometheus.Desc {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+name, help, labels, nil)
	}
	return []*prometheus.Desc{
		gaugeDrift:    d("drift", "Resources that somebody else changed and that are not taken back, by why not.", "kind", "action"),
		gaugeWaiting:  d("waiting", "Changes that are asked for and wait, by why.", "kind", "reason"),
		gaugeProblems: d("problems", "Problems of the newest commit, and those that time brought."),
		gaugeLive:     d("live_resources", "What the live store holds.", "kind"),
		gaugeWant:     d("want_resources", "What the commit in force declares.", "kind"),
		gaugeSuccess:  d("last_success_timestamp_seconds", "When the last look ended that could look at everything."),
		gaugeInForce:  d("in_force_timestamp_seconds", "When the commit in force came into force."),
		gaugeLeader:   d("leader", "1 when this agent leads the store, 0 when it stands by."),
		gaugePauses:   d("pauses", "Pauses in force."),
		gaugeBudget:   d("budget_left", "How many more the window of the guards allows.", "guard"),

		gaugePublished: d("snapshot_published_timestamp_seconds", "As of when the last snapshot of the live store is that this agent published."),
	}
}

func (b *board) set(s *agent.Status, success bool) {
	values := valuesOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	if success {
		b.success = s.At
	}
	if !b.success.IsZero() {
		values = append(values, value{gauge: gaugeSuccess, value: seconds(b.success)})
	}
	b.values = values
}

// lastSuccess is when the last look ended that could look at everything; zero
// when this is not known.
func (m *Metrics) lastSuccess() time.Time {
	if m == nil {
		return time.Time{}
	}
	m.board.mu.Lock()
	defer m.board.mu.Unlock()
	return m.board.success
}

// valuesOf are the gauges of a status.
func valuesOf(s *agent.Status) []value {
	out := []value{
		{gaugeProblems, float64(len(s.Problems) + verdictProblems(s.Verdict)), nil},
		{gaugeLeader, map[bool]float64{true: 1}[s.Epoch > 0], nil},
		{gaugePauses, float64(len(s.Pauses)), nil},
	}
	if p := s.Publication; p != nil && !p.At.IsZero() {
		out = append(out, value{gaugePublished, seconds(p.At), nil})
	}
	out = append(out, counted(gaugeLive, s.Live)...)
	var drift, waiting tally
	for i := range s.Drift {
		drift.add(kindWords[s.Drift[i].Kind], string(s.Drift[i].Why))
	}
	for i := range s.Waiting {
		waiting.add(kindWords[s.Waiting[i].Kind], string(s.Waiting[i].Why))
	}
	out = append(drift.values(out, gaugeDrift), waiting.values(nil, gaugeWaiting)...)
	if s.InForce == nil {
		return out
	}
	out = append(out, counted(gaugeWant, s.Want)...)
	return append(out, value{gaugeInForce, seconds(s.InForce.Since), nil},
		value{gaugeBudget, float64(s.Budget.Deletes.Left()), []string{"deletes"}},
		value{gaugeBudget, float64(s.Budget.Lockouts.Left()), []string{"lockouts"}})
}

func verdictProblems(v *agent.Verdict) int {
	if v == nil {
		return 0
	}
	return len(v.Problems)
}

func counted(gauge int, c agent.Counted) []value {
	return []value{
		{gauge, float64(c.Users), []string{"user"}}, {gauge, float64(c.Aliases), []string{"alias"}},
		{gauge, float64(c.Lists), []string{"list"}}, {gauge, float64(c.Domains), []string{"domain"}},
	}
}

// A tally counts pairs of words.
type tally map[[2]string]int

func (t *tally) add(a, b string) {
	if *t == nil {
		*t = make(tally)
	}
	(*t)[[2]string{a, b}]++
}

func (t tally) values(out []value, gauge int) []value {
	for words, n := range t {
		out = append(out, value{gauge, float64(n), words[:]})
	}
	return out
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Describe is for the registry.
func (b *board) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descriptions() {
		out <- d
	}
}

// Collect is for the registry.
func (b *board) Collect(out chan<- prometheus.Metric) {
	b.mu.Lock()
	values := b.values
	b.mu.Unlock()
	all := descriptions()
	for _, v := range values {
		out <- prometheus.MustNewConstMetric(all[v.gauge], prometheus.GaugeValue, v.value, v.labels...)
	}
}
