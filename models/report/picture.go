package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/png"
)

// Picture is an image in the page, with a line below it.
type Picture struct {
	// Source is a data URL.
	Source template.URL
	Text   string
}

// NewPicture encodes an image, uint8 [size, size, channels].
func NewPicture(pixels []uint8, size, channels int, text string) (Picture, error) {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for i := range size * size {
		for ch := range 3 {
			img.Pix[4*i+ch] = pixels[i*channels+ch%channels]
		}
		img.Pix[4*i+3] = 255
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return Picture{}, fmt.Errorf("report: picture: %w", err)
	}
	return Picture{template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(out.Bytes())), text}, nil
}
