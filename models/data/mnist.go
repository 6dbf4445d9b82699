package data

import "strings"

const (
	digits     = "0123456789"
	upper      = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower      = "abcdefghijklmnopqrstuvwxyz"
	characters = digits + upper + lower
)

// mnist is LeCun's set: 60000 and 10000 digits. Sets in its format and under its file names (Kuzushiji-MNIST) load as well.
var mnist = idxSet{
	name:    "mnist",
	getName: "mnist",
	files:   map[string]string{"train": "train-%s-ubyte", "test": "t10k-%s-ubyte"},
	folders: []string{"", "MNIST/raw"}, // torchvision's folder
	classes: strings.Split(digits, ""),
}

// emnistSplit is one of the six sets that EMNIST (Cohen et al., 2017) makes of NIST Special Database 19.
type emnistSplit struct {
	name       string
	classes    string
	firstLabel int
}

// The classes are those of the files emnist-*-mapping.txt. Merged classes, whose capital and small letter look alike, have the capital's name; letters merges all 26 and counts from 1.
var emnistSplits = []emnistSplit{
	{name: "byclass", classes: characters},
	{name: "bymerge", classes: digits + upper + "abdefghnqrt"},
	{name: "balanced", classes: digits + upper + "abdefghnqrt"},
	{name: "letters", classes: upper, firstLabel: 1},
	{name: "digits", classes: digits},
	{name: "mnist", classes: digits},
}

// emnistArchive is the archive as NIST publishes it.
const emnistArchive = "gzip.zip"

func (e emnistSplit) set() idxSet {
	return idxSet{
		name:       "emnist/" + e.name,
		getName:    "emnist",
		files:      map[string]string{"train": "emnist-" + e.name + "-train-%s-ubyte", "test": "emnist-" + e.name + "-test-%s-ubyte"},
		folders:    []string{"", "gzip", "EMNIST/raw"},
		archive:    emnistArchive,
		classes:    strings.Split(e.classes, ""),
		firstLabel: e.firstLabel,
		transposed: true,
	}
}
