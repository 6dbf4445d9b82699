package report

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser finds Chromium, which `.ci/run` installs.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium")
	}
	t.Skip("no Chromium: apt-get install chromium")
	return ""
}

// inABrowser has a real browser show a page on a desktop and on a phone, and count what it has there: count are fields of an
// object in JavaScript. Nothing is broken, sticks out or is too small to read, nothing is fetched and nothing complains.
// MOCOTPU_SCREENSHOTS is a folder that keeps what it looks like.
func inABrowser(t *testing.T, page []byte, count string, want map[string]int) {
	t.Helper()
	path := browser(t)
	name := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(name, page, 0o644); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	tab, closeTab := chromedp.NewContext(allocated)
	defer closeTab()
	ctx, cancel := context.WithTimeout(tab, 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	var complaints, requests []string
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			complaints = append(complaints, string(e.Type))
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			complaints = append(complaints, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "data:") {
				requests = append(requests, e.Request.URL)
			}
		}
	})
	for _, screen := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1280, 900}, {"phone", 390, 844}} {
		var counts map[string]int
		var shot []byte
		err := chromedp.Run(ctx, network.Enable(), log.Enable(),
			chromedp.EmulateViewport(screen.width, screen.height), chromedp.Navigate("file://"+name),
			chromedp.Evaluate(`({
				pictures: [...document.images].filter(e => e.complete && e.naturalWidth > 0).length,
				broken: [...document.images].filter(e => !(e.complete && e.naturalWidth > 0)).length,
				tooWide: Math.max(0, document.documentElement.scrollWidth - window.innerWidth),
				smallText: [...document.querySelectorAll("p, li, td, h3, figcaption")].filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length,
				`+count+`
			})`, &counts),
			chromedp.FullScreenshot(&shot, 90))
		if err != nil {
			t.Fatal(err)
		}
		for what, n := range counts {
			if n != want[what] {
				t.Errorf("%s: %s is %d, want %d", screen.name, what, n, want[what])
			}
		}
		if dir := os.Getenv("MOCOTPU_SCREENSHOTS"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, t.Name()+"-"+screen.name+".jpg"), shot, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
	if len(requests) != 2 {
		t.Errorf("requests %q, want the page alone, once a screen", requests)
	}
}

// The page of two runs has thirteen charts of one or two lines a run; for each run 8 images with two views, and 8 with 8 neighbours.
func TestPageInABrowser(t *testing.T) {
	inABrowser(t, twoRuns(t, t.TempDir()), `
		charts: [...document.querySelectorAll("section.chart svg")].filter(e => e.getBoundingClientRect().height > 100).length,
		lines: document.querySelectorAll("path.line").length,
		maps: [...document.querySelectorAll("svg.map, svg.confusion")].filter(e => e.getBoundingClientRect().height > 200).length,
	`, map[string]int{"charts": 13, "lines": 42, "pictures": 2 * (8*3 + 8*9), "maps": 4})
}
