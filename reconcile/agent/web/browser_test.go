package web_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailops/reconcile/agent/web"
)

// A browser is Chromium without a window. It reaches nothing but this machine.
type browser struct{ context.Context }

// elsewhere is a name that leads to this machine, in this browser: a page of it
// is one of another host that is reached by plain HTTP.
const elsewhere = "agent.acme.example"

func openBrowser(t *testing.T) browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("Chromium is needed (.ci/packages.txt):", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(time.Minute), // a busy machine
		chromedp.Flag("host-resolver-rules", "MAP "+elsewhere+" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("start Chromium:", err)
	}
	return browser{ctx}
}

// A tab is one page that somebody looks at.
type tab struct {
	*testing.T
	ctx  context.Context
	base string

	mu        sync.Mutex
	complains []string
}

// show serves an agent and opens a tab on it, of somebody who has signed in to
// read. When the test ends, the page must have had nothing to complain about,
// and asked nobody else.
func (b browser) show(t *testing.T, a *acme) *tab {
	t.Helper()
	handler := web.Handler(web.Options{Agent: a, Auth: web.Auth{Loopback: true, Token: readToken, Operator: pauseToken, Hosts: []string{elsewhere}}})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	ctx, end := chromedp.NewContext(b, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	tb := &tab{T: t, ctx: ctx, base: server.URL}
	if err := chromedp.Listen(ctx, tb.hear); err != nil {
		t.Fatal(err)
	}
	tell(tb, network.Enable, network.EnableParams{})
	tell(tb, log.Enable, cdp.Empty{})
	tell(tb, runtime.Enable, cdp.Empty{})
	session := signIn(t, handler, readToken)
	for _, host := range []string{"127.0.0.1", elsewhere} {
		tell(tb, network.SetCookie, network.SetCookieParams{Name: session.Name, Value: session.Value, URL: "http://" + host + "/", SameSite: network.CookieSameSiteStrict})
	}
	t.Cleanup(func() {
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, c := range tb.complains {
			t.Error("the browser says:", c)
		}
	})
	return tb
}

func (tb *tab) hear(event any) {
	said := ""
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Hostname() != "127.0.0.1" && u.Hostname() != elsewhere && u.Scheme != "data" { // Chromium's own icons are data
			said = "it asks for " + e.Request.URL
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelVerbose {
			said = fmt.Sprint(e.Entry.Level, ": ", e.Entry.Text, " ", e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		said = fmt.Sprint("console: ", e.Type)
	case *runtime.EventExceptionThrown:
		said = "exception: " + e.ExceptionDetails.Text
	}
	if said != "" {
		tb.mu.Lock()
		defer tb.mu.Unlock()
		tb.complains = append(tb.complains, said)
	}
}

// forgive forgets complaints that hold a text.
func (tb *tab) forgive(text string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	var left []string
	for _, c := range tb.complains {
		if !strings.Contains(c, text) {
			left = append(left, c)
		}
	}
	tb.complains = left
}

// tell sends a command of the protocol.
func tell[P, R any](tb *tab, command cdp.Command[P, R], params P) {
	tb.Helper()
	if _, err := chromedp.Call(tb.ctx, command, params); err != nil {
		tb.Fatal(err)
	}
}

func (tb *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tb.Helper()
	if err := chromedp.Do(tb.ctx, actions...); err != nil {
		tb.Fatal(err)
	}
}

// get shows a page of the agent.
func (tb *tab) get(path string) { tb.Helper(); tb.do(chromedp.Navigate(tb.base + path)) }

// read evaluates a text of JavaScript.
func read[T any](tb *tab, script string) T {
	tb.Helper()
	out, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		tb.Fatal(script, err)
	}
	return out
}

// until waits for something to become true in the page, whichever page it is by
// then.
func (tb *tab) until(script string) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		is, err := chromedp.Run(tb.ctx, chromedp.Evaluate[bool](script))
		if err == nil && is {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: %v; the page is %s: %s", script, err, read[string](tb, "location.href"), read[string](tb, "document.body.innerText"))
		}
	}
}

// look sets the size and the colours.
func (tb *tab) look(width, height int64, colours string) {
	tb.Helper()
	tell(tb, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
	tell(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: colours}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
}

// press types keys into whatever has the focus.
func (tb *tab) press(keys ...string) {
	tb.Helper()
	for _, k := range keys {
		tb.do(chromedp.KeyEvent(k))
	}
}

// tabTo presses the tabulator until something has the focus, and looks whether
// one can see that.
func (tb *tab) tabTo(selector string) {
	tb.Helper()
	for range 60 {
		tb.press(kb.Tab)
		if read[bool](tb, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			if read[string](tb, "getComputedStyle(document.activeElement).outlineStyle") == "none" {
				tb.Errorf("%s has the focus, and nobody sees it", selector)
			}
			return
		}
	}
	tb.Fatalf("no key leads to %s", selector)
}

// enter presses Enter and waits for another page.
func (tb *tab) enter(path string) {
	tb.Helper()
	tb.press(kb.Enter)
	tb.until(fmt.Sprintf("location.pathname + location.search === %q && document.readyState === 'complete'", path))
}

// faint lists texts that differ too little from what is behind them: less than
// WCAG's 4.5 to 1.
const faint = `(() => {
  const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.tagName === "SCRIPT") continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) out.push(ratio.toFixed(2) + " " + walk.currentNode.data.trim().slice(0, 40));
  }
  return out;
})()`
