package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/png"

	"golang.org/x/image/draw"
)

// mostPixels is the largest side of a picture in the page; larger images are scaled down, since a page has about a hundred.
const mostPixels = 96

// Picture is an image in the page, with a line below it.
type Picture struct {
	// Source is a data URL.
	Source template.URL
	Text   string
}

// NewPicture encodes an image, uint8 [size, size, channels], at most 96 pixels wide: larger ones are made smaller.
func NewPicture(pixels []uint8, size, channels int, text string) (Picture, error) {
	img := bitmap(pixels, size, channels)
	if size > mostPixels {
		small := image.NewNRGBA(image.Rect(0, 0, mostPixels, mostPixels))
		draw.CatmullRom.Scale(small, small.Bounds(), img, img.Bounds(), draw.Src, nil)
		img = small
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return Picture{}, fmt.Errorf("report: picture: %w", err)
	}
	return Picture{template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(out.Bytes())), text}, nil
}

// bitmap is an image, uint8 [size, size, channels], 1 channel or 3.
func bitmap(pixels []uint8, size, channels int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for i := range size * size {
		for ch := range 3 {
			img.Pix[4*i+ch] = pixels[i*channels+ch%channels]
		}
		img.Pix[4*i+3] = 255
	}
	return img
}
