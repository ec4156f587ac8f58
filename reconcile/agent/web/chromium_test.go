package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailops/reconcile/agent"
	"mailops/reconcile/agent/web"
)

// TestBrowser tries the page in Chromium.
func TestBrowser(t *testing.T) {
	b := openBrowser(t)
	t.Run("states", b.states)
	t.Run("keyboard", b.keyboard)
	t.Run("pause", func(t *testing.T) { b.pause(t, "") })
	t.Run("pause by plain HTTP", func(t *testing.T) { b.pause(t, elsewhere) })
	t.Run("without script", b.withoutScript)
	t.Run("refresh", b.refresh)
	t.Run("screenshots", b.screenshots)
}

// states: every state in every look: nothing to scroll sideways, nothing faint.
func (b browser) states(t *testing.T) {
	a := newAcme()
	tb := b.show(t, a)
	all := stories()
	all = append(all, story{name: "long", status: filled(strings.Repeat("Donaudampfschifffahrtsgesellschaftskapitän", 9), 60)})
	check := func(name, path string) {
		for _, width := range []int64{360, 1280} {
			for _, colours := range []string{"light", "dark"} {
				tb.look(width, 800, colours)
				tb.get(path)
				if wide := read[int64](tb, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("%s, %s: %d wide in %d", name, path, wide, width)
				}
				if texts := read[[]string](tb, faint); len(texts) > 0 {
					t.Errorf("%s, %s, %s: faint: %q", name, path, colours, texts)
				}
				if dark := read[bool](tb, "matchMedia('(prefers-color-scheme: dark)').matches && getComputedStyle(document.body).backgroundColor !== 'rgb(245, 246, 248)'"); dark != (colours == "dark") {
					t.Errorf("%s: %s is not", name, colours)
				}
			}
		}
	}
	for _, s := range all {
		a.set(s.status)
		check(s.name, "/")
		if said := read[string](tb, "document.getElementById('banner').innerText"); !strings.Contains(said, s.says) {
			t.Errorf("%s: %s", s.name, said)
		}
	}
	a.set(wrong())
	for _, path := range []string{"/person/emre.yildiz@acme-labs.example", "/run/214", "/search?q=em", "/sign-in"} {
		check("pages", path)
	}
}

// keyboard: to a person and back without a mouse.
func (b browser) keyboard(t *testing.T) {
	tb := b.show(t, newAcme())
	tb.get("/")
	tb.tabTo(".skip")
	tb.press(kb.Enter)
	tb.until("document.activeElement.id === 'main'")
	tb.get("/")
	tb.tabTo("#q")
	tb.press("Emre")
	tb.enter("/search?q=Emre")
	tb.tabTo("main .items a")
	tb.enter("/person/emre.yildiz@acme-labs.example")
	if title := read[string](tb, "document.title"); title != "emre.yildiz@acme-labs.example · Acme Torradores · mailops" {
		t.Error(title)
	}
	tb.tabTo("main summary")
	tb.press(" ")
	tb.until("document.activeElement.parentElement.open && document.activeElement.parentElement.innerText.includes('overrides basic')")
	tb.get("/person/emre.yildiz@acme-labs.example")
	tb.tabTo("main a[href='/']")
	tb.enter("/")
}

// pause: sign in to pause, resume and sign out, by keyboard.
func (b browser) pause(t *testing.T, host string) {
	a := newAcme()
	tb := b.show(t, a)
	if host != "" {
		tb.base = strings.Replace(tb.base, "127.0.0.1", host, 1)
	}
	tb.get("/")
	tb.tabTo("#pauses a[href='/sign-in']")
	tb.enter("/sign-in")
	atToken := "document.readyState === 'complete' && document.activeElement.id === 'token'"
	tb.until(atToken)
	tb.press("not the token")
	tb.press(kb.Enter)
	tb.until(atToken + " && document.querySelector('[role=alert]')?.innerText.includes('not right')")
	tb.forgive("401")
	tb.press(string(pauseToken))
	tb.enter("/")
	tb.tabTo("#pause-more > summary")
	tb.press(kb.Enter)
	tb.tabTo("#scope")
	tb.press("acme-labs.example")
	tb.tabTo("#reason")
	tb.press("the labs move")
	tb.tabTo("#by")
	tb.press("Inês")
	tb.enter("/")
	tb.until("document.getElementById('pauses').innerText.includes('the labs move')")
	if got := a.Status().Pauses; len(got) != 1 || got[0].Scope != "acme-labs.example" || got[0].By != "Inês (status page, 127.0.0.1)" || got[0].Until.Sub(got[0].At) != 4*time.Hour {
		t.Errorf("%+v", got)
	}
	tb.tabTo("#pauses form[action='/resume'] button")
	tb.enter("/")
	tb.until("document.querySelector('#pauses .none') !== null")
	if len(a.Status().Pauses) != 0 || len(a.resumed) != 2 || a.resumed[0] != "acme-labs.example" {
		t.Errorf("%+v, %v", a.Status().Pauses, a.resumed)
	}
	tb.tabTo("footer button")
	tb.enter("/sign-in")
	tb.until(atToken)
}

// withoutScript: the page is whole, and forms work.
func (b browser) withoutScript(t *testing.T) {
	a := newAcme()
	a.set(wrong())
	tb := b.show(t, a)
	tell(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tb.get("/")
	said, err := chromedp.Run(tb.ctx, chromedp.Text(chromedp.CSS("#newest")))
	if err != nil {
		t.Fatal(err)
	}
	has(t, said, "gil.peixoto.yaml:4:8", "Hint: write 2GB or 2GiB")
	if _, err := chromedp.RunResponse(tb.ctx, chromedp.Click(chromedp.CSS("#numbers form button"))); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.triggers) != 1 {
		t.Error("the form was not sent:", a.triggers)
	}
}

// refresh: what changes is shown by itself; what somebody is at stays; and an
// agent that does not answer is not taken for a calm one.
func (b browser) refresh(t *testing.T) {
	a := newAcme()
	var down sync.Mutex // held: the agent does not answer
	handler := web.Handler(web.Options{Agent: a, Auth: web.Auth{Loopback: true, Operator: pauseToken}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !down.TryLock() {
			panic(http.ErrAbortHandler)
		}
		down.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	tb := b.show(t, a)
	tb.base = server.URL
	now := func() {
		tb.do(chromedp.Evaluate[chromedp.Void]("void document.dispatchEvent(new Event('visibilitychange'))"))
	}
	tb.get("/sign-in")
	tb.do(chromedp.SendKeys(chromedp.CSS("#token"), string(pauseToken)+kb.Enter))
	tb.until("document.querySelector('#pause-more') !== null")
	tb.do(chromedp.Evaluate[chromedp.Void]("window.here = true; void document.querySelector('#pause-more summary').click()"))
	tb.do(chromedp.SendKeys(chromedp.CSS("#scope"), "acme"))
	for _, s := range []agent.Status{wrong(), quiet(), refused(), unreachable(), quiet(), filled("x", 3), wrong()} {
		a.set(s)
		now()
		want := ""
		for _, known := range stories() {
			if known.status.Error == s.Error && known.name != "begun" && (known.status.Verdict == nil) == (s.Verdict == nil) && (s.Verdict == nil || known.status.Verdict.State == s.Verdict.State) {
				want = known.says
				break
			}
		}
		tb.until(fmt.Sprintf("document.getElementById('banner').innerText.includes(%q)", want))
		order := read[string](tb, "[...document.getElementById('status').children].map(e => e.id).join()")
		if !strings.HasPrefix(order, "banner,commit,numbers,") || strings.Count(order, "pauses") != 1 {
			t.Error("the parts are", order)
		}
		if got := read[string](tb, "document.querySelector('#scope').value"); got != "acme" {
			t.Errorf("what was typed is %q", got)
		}
	}
	if !read[bool](tb, "window.here === true") {
		t.Error("the page was loaded anew")
	}
	down.Lock()
	now()
	tb.until("!document.getElementById('stale').hidden && document.getElementById('stale').innerText.includes('does not answer')")
	down.Unlock()
	now()
	tb.until("document.getElementById('stale').hidden")
	tb.forgive("Failed to load resource")
}

// screenshots are for people to look at, where they are asked for.
func (b browser) screenshots(t *testing.T) {
	folder := os.Getenv("WEB_SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	a := newAcme()
	tb := b.show(t, a)
	for _, shot := range []struct {
		name, path, colours string
		width               int64
		status              agent.Status
	}{
		{"page-light", "/", "light", 1280, wrong()}, {"page-dark", "/", "dark", 1280, wrong()},
		{"phone-light", "/", "light", 360, quiet()}, {"phone-dark", "/", "dark", 360, wrong()},
		{"quiet-light", "/", "light", 1280, quiet()}, {"refused-light", "/", "light", 1280, refused()}, {"unreachable-dark", "/", "dark", 1280, unreachable()},
		{"person-light", "/person/emre.yildiz@acme-labs.example", "light", 1280, quiet()}, {"person-phone-dark", "/person/emre.yildiz@acme-labs.example", "dark", 360, quiet()},
	} {
		a.set(shot.status)
		tb.look(shot.width, 760, shot.colours)
		tb.get(shot.path)
		png, err := chromedp.Run(tb.ctx, chromedp.FullScreenshot(100))
		if err != nil || len(png) < 10_000 {
			t.Fatalf("%s has %d bytes: %v", shot.name, len(png), err)
		}
		if err := os.WriteFile(filepath.Join(folder, shot.name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
