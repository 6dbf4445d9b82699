package data

import (
	"fmt"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomediumitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/gomonobolditalic"
	"golang.org/x/image/font/gofont/gomonoitalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcaps"
	"golang.org/x/image/font/gofont/gosmallcapsitalic"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A point is in em units with y down in an outline, in pixels in a drawing.
type point struct{ x, y float32 }

// A segment moves to its first point, or draws a line (1 point), a quadratic (2) or a cubic curve (3) to its last.
type segment struct {
	move   bool
	points []point
}

// An outline is a character's shape, 1 em high, with the middle of its bounding box at the origin.
type outline []segment

// outlines returns the shapes of the 62 characters in the 12 Go fonts, by font and class. The fonts are linked in, so an error is a broken build.
var outlines = sync.OnceValues(func() ([][]outline, error) {
	files := [][]byte{
		goregular.TTF, gobold.TTF, goitalic.TTF, gobolditalic.TTF, gomedium.TTF, gomediumitalic.TTF,
		gomono.TTF, gomonobold.TTF, gomonoitalic.TTF, gomonobolditalic.TTF, gosmallcaps.TTF, gosmallcapsitalic.TTF,
	}
	var all [][]outline
	for i, file := range files {
		font, err := sfnt.Parse(file)
		if err != nil {
			return nil, fmt.Errorf("data: glyphs: font %d: %w", i, err)
		}
		var shapes []outline
		for _, r := range characters {
			shape, err := loadOutline(font, r)
			if err != nil {
				return nil, fmt.Errorf("data: glyphs: font %d: character %q: %w", i, r, err)
			}
			shapes = append(shapes, shape)
		}
		all = append(all, shapes)
	}
	return all, nil
})

func loadOutline(font *sfnt.Font, r rune) (outline, error) {
	var buf sfnt.Buffer
	index, err := font.GlyphIndex(&buf, r)
	if err != nil {
		return nil, err
	}
	const em = 1024 // pixels: fine enough for 32
	segments, err := font.LoadGlyph(&buf, index, fixed.I(em), nil)
	if err != nil {
		return nil, err
	}
	box := segments.Bounds()
	middle := fixed.Point26_6{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
	used := map[sfnt.SegmentOp]int{sfnt.SegmentOpMoveTo: 1, sfnt.SegmentOpLineTo: 1, sfnt.SegmentOpQuadTo: 2, sfnt.SegmentOpCubeTo: 3}
	var shape outline
	for _, s := range segments {
		var points []point
		for _, p := range s.Args[:used[s.Op]] {
			points = append(points, point{float32(p.X-middle.X) / (64 * em), float32(p.Y-middle.Y) / (64 * em)})
		}
		shape = append(shape, segment{move: s.Op == sfnt.SegmentOpMoveTo, points: points})
	}
	return shape, nil
}
