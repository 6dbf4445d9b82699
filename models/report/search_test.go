package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/bank"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
)

// The page of a search has each image's picture with its name and similarity; what cannot be read, or stands on another
// machine, has its name alone, and no name becomes part of the page's code.
func TestWriteSearch(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "photos", specimen.Options{Images: 2, Classes: 1, Width: 60, Height: 20}))
	files := must.M1(files.Paths([]string{"photos"}))
	list := []string{files.Name(0), files.Name(1)}
	found := []bank.Found{{Name: list[0], Matches: []bank.Match{
		{Name: list[1], Similarity: 0.87654}, {Name: "gone<script>.png", Similarity: -0.5}, {Name: "//host/share/x.png", Similarity: 0},
	}}}
	var page bytes.Buffer
	if err := WriteSearch(&page, "bank & co", found, "", picture.Window{}); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{"Nearest in bank &amp; co", list[0] + "</figcaption>", "0.877 " + list[1], "-0.500 gone&lt;script&gt;.png", "0.000 //host/share/x.png"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if n := strings.Count(text, `src="data:image/png;base64,`); n != 2 {
		t.Errorf("%d pictures, want 2", n)
	}
	if n := strings.Count(text, `width="288"`); n != 2 {
		t.Errorf("%d pictures of three times their height, want 2", n)
	}
	if strings.Contains(text, "<script") {
		t.Error("a name became code")
	}
	inABrowser(t, page.Bytes(), `captions: document.querySelectorAll("figcaption").length`, map[string]int{"pictures": 2, "captions": 4})
}
