// Package show displays pictures, charts and tables in a GoNB notebook. In other programs it does nothing.
package show

import (
	"fmt"
	"html"
	"os"
	"strings"
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/mocotpu/mocotpu/models/report"
)

// shownLimit bounds the wait for the kernel to take what is displayed.
const shownLimit = 30 * time.Second

// display shows HTML in the place of that id, or in a new place without one, and returns when the kernel has it. GoNB
// drops what it has not read from the pipe when the cell's program ends, so a program that ends at once would show nothing.
func display(id, html string) {
	if id == "" {
		gonbui.DisplayHTML(html)
	} else {
		gonbui.UpdateHTML(id, html)
	}
	taken := make(chan struct{})
	go func() {
		gonbui.Sync()
		close(taken)
	}()
	select {
	case <-taken:
	case <-time.After(shownLimit):
		fmt.Fprintf(os.Stderr, "the notebook's kernel has not taken a picture, chart or table for %v: it may be missing above\n", shownLimit)
	}
}

// Pictures shows rows of pictures with their texts.
func Pictures(rows ...[]report.Picture) { display("", pictures(rows)) }

func pictures(rows [][]report.Picture) string {
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(`<div style="display:flex;flex-wrap:wrap;gap:6px;margin:4px 0">`)
		for _, p := range row {
			fmt.Fprintf(&out, `<figure style="margin:0;text-align:center;font:11px sans-serif"><img alt="%s" src="%s" style="width:64px;height:64px;image-rendering:pixelated"><br>%[1]s</figure>`,
				html.EscapeString(p.Text), p.Source)
		}
		out.WriteString(`</div>`)
	}
	return out.String()
}

// Charts shows charts side by side. Charts with the same id replace those shown before; "" replaces none.
func Charts(id string, all ...report.Chart) { display(id, charts(all)) }

func charts(all []report.Chart) string {
	var out strings.Builder
	out.WriteString(`<style>.moco svg text{font:10px sans-serif;fill:#555}.moco .grid{stroke:#e6e6e0}.moco .line{fill:none;stroke-width:1.6}</style>` +
		`<div class="moco" style="display:flex;flex-wrap:wrap;gap:16px;background:#fff;color:#222">`)
	for _, c := range all {
		fmt.Fprintf(&out, `<div style="width:360px"><b>%s</b><br><small>%s</small>%s</div>`,
			html.EscapeString(c.Title), html.EscapeString(c.Note), c.SVG())
	}
	out.WriteString(`</div>`)
	return out.String()
}

// Table shows rows of values below their names.
func Table(names []string, rows ...[]any) { display("", table(names, rows)) }

func table(names []string, rows [][]any) string {
	var out strings.Builder
	out.WriteString("<table><tr>")
	for _, name := range names {
		fmt.Fprintf(&out, "<th>%s</th>", html.EscapeString(name))
	}
	out.WriteString("</tr>")
	for _, row := range rows {
		out.WriteString("<tr>")
		for _, value := range row {
			if f, ok := value.(float64); ok {
				value = fmt.Sprintf("%.1f", f)
			}
			fmt.Fprintf(&out, "<td>%s</td>", html.EscapeString(fmt.Sprint(value)))
		}
		out.WriteString("</tr>")
	}
	out.WriteString("</table>")
	return out.String()
}
