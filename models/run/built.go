package run

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/mocotpu/mocotpu/models/data/picture"
)

// Built names what this program was built from: its version and git revision, Go, the libraries that compute, and what
// decodes JPEGs. It is of [Record.Versions].
func Built() map[string]string {
	v := map[string]string{"go": runtime.Version(), "jpeg": string(picture.Best())}
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
	changed := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v["revision"] = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	if v["revision"] != "" {
		v["revision"] += changed
	}
	return v
}
