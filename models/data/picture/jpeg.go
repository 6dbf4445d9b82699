package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"strings"
)

// reducingGap is how many canvases wide and high a JPEG must stay when it is decoded at a fraction: from two on, Pillow's documentation calls the result of decoding small and resizing nearly the same.
const reducingGap = 2

// openJPEG leaves to Go what TurboJPEG cannot read, such as unusual subsampling.
func (d *Decoder) openJPEG(file []byte) (width, height int, decode func() (raster, error), err error) {
	if d.turbo != nil {
		width, height, inks, err := d.turbo.header(file)
		if err == nil {
			return width, height, func() (raster, error) { return d.decodeTurbo(file, width, height, inks) }, nil
		}
		if err := d.turbo.renew(); err != nil {
			return 0, 0, nil, err // not Go's decoder, whose pixels differ, for an image that this one can read
		}
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return 0, 0, nil, fmt.Errorf("picture: %w", err)
	}
	return c.Width, c.Height, func() (raster, error) { return d.decodeGoJPEG(file) }, nil
}

// decodeTurbo decodes the whole image or, of a large one, a half, a quarter or an eighth: the fractions that TurboJPEG is fast at.
func (d *Decoder) decodeTurbo(file []byte, width, height int, inks bool) (raster, error) {
	w, h := width, height
	for _, denominator := range []int{8, 4, 2} {
		w, h = (width+denominator-1)/denominator, (height+denominator-1)/denominator // as libjpeg rounds
		if w >= reducingGap*d.canvas.Size && h >= reducingGap*d.canvas.Size {
			break
		}
		w, h = width, height
	}
	channels := 3
	if inks {
		channels = 4
	}
	if n := channels * w * h; cap(d.pix) < n {
		d.pix = make([]uint8, n)
	}
	pix := d.pix[:channels*w*h]
	warning, err := d.turbo.decode(pix, file, w, h, inks)
	if err != nil {
		return nil, errors.Join(err, d.turbo.renew())
	}
	// Pillow decodes through libjpeg's other warnings.
	if strings.HasPrefix(warning, "Premature end of JPEG file") {
		return nil, fmt.Errorf("picture: JPEG: file too short: %s", warning)
	}
	if inks {
		return inverted{pix, w, h}, nil
	}
	return rgb{pix, w, h, 3}, nil
}

func (d *Decoder) decodeGoJPEG(file []byte) (raster, error) {
	m, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil && strings.Contains(err.Error(), "Adobe APP14") {
		m, err = jpeg.Decode(asAdobe(file))
	}
	if err != nil {
		return nil, fmt.Errorf("picture: JPEG: %w", err)
	}
	return d.newRaster(m, "JPEG")
}

// asAdobe is the file with the marker that says CMYK, without which image/jpeg refuses four channels and Pillow assumes it.
func asAdobe(file []byte) io.Reader {
	const marker = "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
	return io.MultiReader(bytes.NewReader(file[:2]), strings.NewReader(marker), bytes.NewReader(file[2:]))
}
