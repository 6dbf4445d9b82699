package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// Neighbours is the kNN accuracy on the test images in percent, with the leaked images and without them.
type Neighbours struct {
	// By says what is compared: the encoder's features, the pixels, or for image files and large sets the gray 16x16 drawings.
	By string `json:"by"`
	// K is the number of neighbours; their weights are exp(similarity/0.1).
	K []KNN `json:"k"`
}

// KNN is the accuracy at one number of neighbours: of all test images, without the leaked ones, and of these alone, which is
// 0 where there are none.
type KNN struct {
	K       int     `json:"k"`
	All     float64 `json:"all"`
	Without float64 `json:"without"`
	Leaked  float64 `json:"leaked"`
}

const (
	// mostPixels is how many numbers the pixels of a split may be as features; beyond, drawings stand for them.
	mostPixels = 1 << 28
	// mostAsked is how many test images are classified.
	mostAsked = 10000
)

// neighbours finds the nearest training images of the test images by features or pixels: what the encoder sees as one, and
// the classes that they would be given.
func (e *examination) neighbours(ctx context.Context) error {
	labelled := e.test != nil && e.comparable && e.train.Info().Labels != nil && e.test.Info().Labels != nil
	if e.Backend == nil || !labelled && e.Encoder == nil {
		return nil
	}
	if bytes := 2 * 4 * cells * int64(e.findings.all); e.Encoder == nil && bytes > limits.Memory()/2 {
		e.Progress.Note(fmt.Sprintf("nearest neighbours are left out: those of %d images take %s, and this process may use %s", e.findings.all, limits.Text(bytes), limits.Text(limits.Memory())))
		return nil
	}
	train, by, err := e.features(ctx, e.train, 0)
	if err != nil {
		return err
	}
	var test judge.Labelled
	if e.test != nil {
		if test, _, err = e.features(ctx, e.test, e.findings.train); err != nil {
			return err
		}
		if test.Len() == 0 {
			return nil
		}
		if train.Dim != test.Dim {
			e.Progress.Note(fmt.Sprintf("nearest neighbours are left out: %s of %d numbers against %d", by, train.Dim, test.Dim))
			return nil
		}
	}
	e.Progress.Stage("nearest neighbours by " + by)
	search, err := judge.NewSearch(e.Backend)
	if err != nil {
		return err
	}
	defer search.Close()
	if e.Encoder != nil {
		if err := e.seen(ctx, search, train, test); err != nil {
			return err
		}
	}
	if !labelled {
		return nil
	}
	return e.classify(ctx, search, train, test, by)
}

// classify judges the test images' classes by their neighbours'.
func (e *examination) classify(ctx context.Context, search *judge.Search, train, test judge.Labelled, by string) error {
	clean, leaked := e.part(test)
	options, _ := judge.KNNOptions{Ks: []int{1, 5, 20, 200}, Temperature: 0.1}.Clip(train.Len())
	n := &Neighbours{By: by}
	for _, k := range options.Ks {
		n.K = append(n.K, KNN{K: k})
	}
	correct, all := make([]int, len(n.K)), 0
	for i, queries := range []judge.Labelled{clean, leaked} {
		if queries.Len() == 0 {
			continue
		}
		results, err := search.KNN(ctx, train.Features, train.Labels, queries.Features, queries.Labels, len(e.train.Info().Classes), options)
		if err != nil {
			return err
		}
		all += queries.Len()
		for at, r := range results {
			correct[at] += r.Correct
			if i == 0 {
				n.K[at].Without = r.Top1()
			} else {
				n.K[at].Leaked = r.Top1()
			}
		}
	}
	for at := range n.K {
		n.K[at].All = 100 * float64(correct[at]) / float64(max(1, all))
	}
	e.report.Neighbours = n
	return nil
}

// byPixels tells whether pixels are compared: both splits are in memory, and not too large.
func (e *examination) byPixels() bool {
	for _, o := range []*opened{e.train, e.test} {
		if _, inMemory := o.Source.(*data.Set); !inMemory || o.Info().N > mostPixels/o.Info().ImageLen() {
			return false
		}
	}
	return true
}

// features are those of a split's images that can be read, from number first on in the album.
func (e *examination) features(ctx context.Context, o *opened, first int) (judge.Labelled, string, error) {
	info := o.Info()
	if e.Encoder != nil {
		embedding, err := e.Encoder.EmbedAll(ctx, o, e.Progress.Stage("features of "+info.Name))
		return judge.Labelled{Features: embedding.Trunk, Labels: embedding.Labels}, "the encoder's features", err
	}
	if e.byPixels() {
		l, err := judge.Pixels(ctx, o)
		return l, "pixels", err
	}
	l := judge.Labelled{Features: encoder.Features{Dim: cells}}
	for i := range info.N {
		if e.album.contents[first+i] == (content{}) {
			continue
		}
		for _, v := range e.album.drawings[first+i].values {
			l.Data = append(l.Data, float32(v))
		}
		l.Labels = append(l.Labels, info.Labels[i])
	}
	return l, "gray 16x16 drawings", nil
}

// part parts the test images that can be read into those that are not leaked and those that are: 10 000 of them, evenly
// spread, where there are more.
func (e *examination) part(test judge.Labelled) (clean, leaked judge.Labelled) {
	clean.Dim, leaked.Dim = test.Dim, test.Dim
	numbers := e.readable(e.findings.train, e.findings.all)
	asked := min(len(numbers), mostAsked)
	for k := range asked {
		row := int(int64(k) * int64(len(numbers)) / int64(asked))
		to := &clean
		if e.findings.across[numbers[row]].kind != none {
			to = &leaked
		}
		to.Data = append(to.Data, test.Data[row*test.Dim:(row+1)*test.Dim]...)
		to.Labels = append(to.Labels, test.Labels[row])
	}
	return clean, leaked
}

// write writes a line for each number of neighbours.
func (n *Neighbours) write(b *strings.Builder, leaked int) {
	for _, k := range n.K {
		fmt.Fprintf(b, "kNN by %s, k=%d: %.2f %%", n.By, k.K, k.All)
		if leaked > 0 {
			fmt.Fprintf(b, "; %.2f %% without the leaked images, of which %.2f %%", k.Without, k.Leaked)
		}
		b.WriteString("\n")
	}
}
