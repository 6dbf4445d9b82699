package picture

import "image"

// associated is a TIFF whose colours are multiplied by their alpha. The row has them divided again, as Pillow does.
type associated struct{ *image.RGBA }

func (m associated) bounds() (int, int) { return boundsOf(m) }

func (m associated) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(m)
	row := m.Pix[y*m.Stride : y*m.Stride+4*w]
	for x := range w {
		alpha := int(row[4*x+3])
		for c := range 3 {
			v := int(row[4*x+c])
			if alpha != 0 {
				v = min(255*v/alpha, 255)
			}
			buf[3*x+c] = uint8(v)
		}
	}
	return buf[:3*w]
}
