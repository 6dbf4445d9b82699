// Package report makes one HTML page of one or more runs: what they did over their steps, and what the encoders
// learned. The page contains everything it shows, loads nothing from the network, runs no script, and can be read on
// a phone.
//
//	page.go      the page: its template and what fills it
//	curves.go    a run's metrics as charts
//	chart.go     lines and points as SVG
//	look.go      what an encoder sees: views, neighbours, a map of its features, confusion
//	picture.go   images in the page
//	watch.go     the page again and again while a run is trained
//	doctor.go    another page: what `mocotpu data doctor` found
//
// # Errors
//
// Everything returns errors.
//
// # Determinism
//
// The page is a pure function of the run directories and the data set.
package report
