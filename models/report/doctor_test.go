package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/doctor"
)

// The page has the text, the pairs that have pictures, and how many more there are; no name becomes part of its code.
func TestWriteDoctor(t *testing.T) {
	pair := doctor.Pair{Image: "val/<script>.jpg", Of: "train/a.jpg", Kind: "near", Similarity: 0.98712, OtherClass: true}
	shown := pair
	shown.Pictures = []doctor.Picture{{Pixels: make([]uint8, 3*64), Size: 8, Channels: 3}, {Pixels: make([]uint8, 200*200), Size: 200, Channels: 1}}
	r := &doctor.Report{
		Data: "photos & co", Splits: []*doctor.Split{{Name: "train", Images: 5}, {Name: "test", Images: 7}},
		Leaks: &doctor.Leaks{Images: 3, Pairs: []doctor.Pair{shown, pair, pair}}, Seen: &doctor.Seen{Cosine: 0.9}, Command: "mocotpu train --x",
	}
	var page bytes.Buffer
	if err := WriteDoctor(&page, r); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{
		"What is in photos &amp; co", "leaks: 3 of 7 test images", "mocotpu train --x", "near 0.9871", "of another class", "val/&lt;script&gt;.jpg", "2 more are in what --json prints",
		"duplicate of it. Near and mirrored ones are alike in gray of 16x16 pixels; they may be two pictures that look alike, as digits and line drawings do: look at them. 2 more",
		"Alike to the encoder", "There are none.", "look at them",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if n := strings.Count(text, `src="data:image/png;base64,`); n != 2 || strings.Contains(text, "<script") {
		t.Errorf("%d pictures, want 2, and no script", n)
	}
	inABrowser(t, page.Bytes(), `headings: document.querySelectorAll("h2").length`, map[string]int{"pictures": 2, "headings": strings.Count(text, "<h2")})
}
