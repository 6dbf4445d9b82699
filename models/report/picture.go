package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/png"
)

// picture is an image in the page, with a line below it.
type picture struct {
	// Source is a data URL.
	Source template.URL
	Text   string
}

// newPicture encodes an image, uint8 [size, size, channels].
func newPicture(pixels []uint8, size, channels int, text string) (picture, error) {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for i := range size * size {
		for ch := range 3 {
			img.Pix[4*i+ch] = pixels[i*channels+ch%channels]
		}
		img.Pix[4*i+3] = 255
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return picture{}, fmt.Errorf("report: picture: %w", err)
	}
	return picture{template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(out.Bytes())), text}, nil
}
