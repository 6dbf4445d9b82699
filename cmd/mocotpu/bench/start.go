package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
)

// startImages names the batch of a start that steps are timed on.
const startImages = "images"

// writeStart writes what all programs begin with: the parameters that moco.Init gives the query encoder, and so the key
// encoder, by torchvision's names and in our layout; the queue; and a batch of noise of the views' size.
func writeStart(path string, step moco.Step, seed uint64) error {
	store := model.NewStore()
	if err := moco.Init(store, step, seed); err != nil {
		return err
	}
	var all []safetensors.Tensor
	add := func(v *model.Variable, name string) error {
		value, err := v.Value()
		if err != nil {
			return err
		}
		return value.ConstBytes(func(data []byte) {
			all = append(all, safetensors.Tensor{Name: name, DType: "F32", Shape: v.Shape().Dimensions, Data: bytes.Clone(data)})
		})
	}
	root := store.RootScope()
	for _, p := range step.Encoder.Params() {
		if p.Buffer {
			continue
		}
		if err := add(root.At(moco.QueryScope).GetVariable(p.Name), p.Name); err != nil {
			return err
		}
	}
	if err := add(root.GetVariable(moco.QueueName), moco.QueueName); err != nil {
		return err
	}
	noise := make([]byte, step.Batch*step.ImageSize*step.ImageSize*3)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(noise) // it never fails
	all = append(all, safetensors.Tensor{
		Name: startImages, DType: "U8", Shape: []int{step.Batch, step.ImageSize, step.ImageSize, 3}, Data: noise,
	})
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(safetensors.Write(f, all, nil), f.Close())
}

// readStartImages reads the batch of a start.
func readStartImages(path string) ([]byte, error) {
	all, _, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.Name == startImages {
			return t.Data, nil
		}
	}
	return nil, fmt.Errorf("bench: %s has no %s", path, startImages)
}

// packedSet is the packed training set that the configuration names, or else one of images drawn into temp, as large as
// those of the configuration's data set; and what there is to say about it.
func packedSet(ctx context.Context, c run.Config, temp string, talk io.Writer) (set dataset.Config, about string, err error) {
	if c.Data.Kind == "folder" {
		for _, dir := range []string{c.Data.Dir, filepath.Join(c.Data.Dir, "train")} {
			if !packed.Is(dir) {
				continue
			}
			m, err := packed.ReadMeta(dir)
			if err == nil {
				err = c.ValidateData(m.Count)
			}
			return dataset.Config{Kind: "folder", Dir: dir, Canvas: m.Canvas, Channels: m.Channels}, fmt.Sprintf("%s, %d images, canvas %d", dir, m.Count, m.Canvas), err
		}
	}
	side, _ := c.Data.Image()
	n := max(2*c.MoCo.Batch, 1024)
	fmt.Fprintf(talk, "drawing and packing %d images of %d px ...\n", n, side)
	drawn := filepath.Join(temp, "drawn")
	if err := specimen.Folder(ctx, drawn, specimen.Options{Images: n, Width: side, Height: side}); err != nil {
		return set, "", err
	}
	list, err := files.Open(drawn, "train", files.Options{Unlabeled: true})
	if err != nil {
		return set, "", err
	}
	defer list.Close()
	set = dataset.Config{Kind: "folder", Dir: filepath.Join(temp, "packed"), Canvas: side, Channels: c.Data.Channels}
	if _, err := packed.Pack(ctx, list, set.Dir, packed.Options{Canvas: side, Channels: c.Data.Channels}); err != nil {
		return set, "", err
	}
	return set, fmt.Sprintf("%d images drawn for the purpose, canvas %d", n, side), os.RemoveAll(drawn)
}
