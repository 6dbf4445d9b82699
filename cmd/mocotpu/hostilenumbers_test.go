package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/janpfeifer/must"
)

// hostileNumbers are what no machine holds, by the flags and fields they are given to. The data of the runs are not there:
// what passes validation ends all the same.
func hostileNumbers(g good) []hostileInput {
	var all []hostileInput
	add := func(args string) { all = append(all, hostileInput{name: args, args: args}) }
	const mnist, photos = "train --preset=mnist --backend=go ", "train --preset=moco-v2 --backend=go --data=DIR "
	for _, flag := range []string{"dim", "width", "queue", "batch", "image-size", "bn-groups", "micro", "epochs", "steps", "train-images"} {
		for _, value := range []string{"1000000000", "4611686018427387904", "9223372036854775807"} {
			add(fmt.Sprintf("%s--%s=%s", mnist, flag, value))
		}
	}
	for _, flag := range []string{"workers", "canvas"} {
		for _, value := range []string{"1000000000", "4611686018427387904"} {
			add(fmt.Sprintf("%s--%s=%s", photos, flag, value))
		}
	}
	for _, args := range []string{
		"--queue=30000000", "--width=1000000", "--dim=-1", "--queue=-9223372036854775808", "--knn-ks=1,9223372036854775807", "--temperature=NaN",
		"--lr=Inf", "--batch=9223372036854775807 --queue=9223372036854775807 --symmetric", "--devices=9223372036854775807", "--log-every=-1",
		"--dim=99999999999999999999", "--gpu-collective-memory=9223372036854775807 --backend=cuda", "--warmup=1e308", "--milestones=9223372036854775807 --schedule=step",
	} {
		add(mnist + args)
	}
	for _, args := range []string{
		"--batch=1000000000", "--batch=9223372036854775807", "--images=9223372036854775807", "--batch=-1", "--devices=1000000000", "--devices=1000000000 --backend=cpu",
	} {
		add("embed " + g.encoder + " --data=glyphs --backend=go --out=DIR/x.npy " + args)
	}
	for _, args := range []string{"--batch=1000000000", "--batch=9223372036854775807", "--knn-ks=0", "--lr=NaN", "--train-images=-1"} {
		add("eval " + g.encoder + " --data=glyphs --backend=go --protocols=linear-fast --out=DIR/x.json " + args)
	}
	for _, args := range []string{"--canvas=1000000000", "--workers=-1", "--canvas=9223372036854775807"} {
		add("data pack " + args + " DIR DIR/out")
	}
	for _, args := range []string{"--per-device=9223372036854775807", "--dim=4611686018427387904", "--queue=9223372036854775807", "--width=1000000", "--dim=1000000000", "--queue=30000000000"} {
		add("compile --topology=v3-8 " + args)
	}
	for _, processes := range []string{"100000000", "9223372036854775807", "0", "-1"} {
		add("launch --processes=" + processes + " -- train --preset=mnist --backend=go")
	}
	return append(all, hostileConfigs(g)...)
}

// hostileConfigs are the same numbers in a run's config.json.
func hostileConfigs(g good) []hostileInput {
	config := must.M1(os.ReadFile(filepath.Join(g.run, "config.json")))
	var all []hostileInput
	fields := map[string]string{
		"encoder.dim": "4611686018427387904", "encoder.width": "1000000000", "moco.queue": "30000000000", "moco.batch": "1000000000000", "data.workers": "1e99",
		"views.image_size": "1000000000", "run.epochs": "9223372036854775807", "knn.ks": "[1,9223372036854775807]", "engine.devices": "1000000000", "data.train_images": "1000000000000",
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		text := withField(config, field, fields[field])
		for _, args := range []string{"train --dir=DIR", "report DIR --curves-only"} {
			in := fileInput(field+" in config.json: "+args, args, "config.json", text)
			in.harmless = strings.HasPrefix(args, "report") // a large number of steps is no matter to a page
			all = append(all, in)
		}
	}
	return all
}

// withField sets a field of a JSON object in an object.
func withField(text []byte, field, value string) []byte {
	var root, inner map[string]json.RawMessage
	must.M(json.Unmarshal(text, &root))
	group, name, _ := strings.Cut(field, ".")
	must.M(json.Unmarshal(root[group], &inner))
	inner[name] = json.RawMessage(value)
	root[group] = must.M1(json.Marshal(inner))
	return must.M1(json.Marshal(root))
}
