package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla"
)

// versions names what a run was made with.
func versions(e *xla.Engine) map[string]string {
	v := map[string]string{"go": runtime.Version(), "engine": e.EngineName(), "plugin": e.PluginVersion(), "jpeg": string(picture.Best())}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v["mocotpu"] = info.Main.Version
	for _, dep := range info.Deps {
		if name, found := strings.CutPrefix(dep.Path, "github.com/gomlx/"); found {
			v[name] = dep.Version
		}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v["revision"] = s.Value
		}
	}
	return v
}
