package convert

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
)

//go:embed card.md
var cardText string

var cardTemplate = template.Must(template.New("card").Parse(cardText))

// license is what the Hub calls licenses; unknownLicense stands where the publisher has not said.
var license = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

const unknownLicense = "unknown"

// cardCurve is how many evaluations a card shows.
const cardCurve = 12

// card is what a model card tells.
type card struct {
	encoder.Manifest
	License, Architecture, Layers string
	SmallStem                     bool
	Channels                      int
	Data, DataSHA256, Command     string
	Versions                      []string
	Curve                         []curvePoint
	K                             int
	Report                        *judge.Report
}

// curvePoint is an evaluation on the way, with the loss up to there.
type curvePoint struct {
	Epoch     int
	Loss, KNN string
}

// modelCard is the text of README.md, with what proves the encoder: of a run its data's checksum, command, versions and
// curve, and the table that mocotpu eval left beside it.
func modelCard(s Source, trunk *encoder.Weights, o Options, architecture string) ([]byte, error) {
	c := card{
		Manifest: trunk.Manifest, License: o.License, Architecture: architecture,
		Channels: trunk.Manifest.Network.Config().ImageChannels(), SmallStem: trunk.Manifest.Network.Stem == resnet.StemSmall, Data: trunk.Manifest.Source.Data,
	}
	if trunk.Manifest.Network.Arch == "resnet10" {
		c.Layers = ", layers=[1, 1, 1, 1]"
	}
	if c.Channels != 3 {
		c.Layers += fmt.Sprintf(", in_chans=%d", c.Channels)
	}
	versions := trunk.Manifest.Source.Versions
	if s.Dir != "" {
		record, err := run.ReadRecord(s.Dir)
		if err != nil {
			return nil, err
		}
		flagOf := o.FlagOf
		if flagOf == nil {
			flagOf = func(string) string { return "" }
		}
		c.DataSHA256, versions = record.DataSHA256, record.Versions
		c.Command = strings.Join(append([]string{"mocotpu train"}, record.Arguments(flagOf)...), " ")
		if err := c.addCurve(s.Dir); err != nil {
			return nil, err
		}
		report, err := judge.ReadReport(run.Beside(s.Dir, judge.ReportSuffix))
		switch {
		case err == nil && report.Step == trunk.Manifest.Source.Step:
			c.Report = &report
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	for name, version := range versions {
		c.Versions = append(c.Versions, name+" "+version)
	}
	slices.Sort(c.Versions)
	var text bytes.Buffer
	err := cardTemplate.Execute(&text, c)
	return text.Bytes(), err
}

// addCurve takes some of the evaluations, the first and the last among them.
func (c *card) addCurve(dir string) error {
	rows, knn, err := run.ReadMetrics(dir)
	if err != nil {
		return err
	}
	for i, k := range knn {
		if i%max(1, (len(knn)+cardCurve-2)/(cardCurve-1)) != 0 && i < len(knn)-1 {
			continue
		}
		for len(rows) > 1 && rows[1].Step <= k.Step {
			rows = rows[1:]
		}
		p := curvePoint{Epoch: k.Epoch, Loss: "-", KNN: "-"}
		if len(k.Backbone) > 0 {
			p.KNN = fmt.Sprintf("%.1f", k.Headline())
		}
		if len(rows) > 0 && rows[0].Step <= k.Step {
			p.Loss = fmt.Sprintf("%.3f", float64(rows[0].Loss))
		}
		c.Curve = append(c.Curve, p)
		if len(k.K) == 0 {
			continue // without classes
		}
		c.K = k.K[len(k.K)-1]
	}
	return nil
}
