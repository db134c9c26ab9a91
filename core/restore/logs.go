package restore

import (
	"errors"
	"fmt"
	"os"

	"github.com/holdfast-backup/holdfast/core/database"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// setLogsAside gives another name to the logs of a database in whose place a file is put. SQLite takes a log for the one of
// whatever database it stands beside: it would write the old one's pages into the new one.
func (r *run) setLogsAside(o *output, root *os.Root) error {
	if o.folder.made || o.node.Kind != repo.NodeFile {
		return nil
	}
	what, _, err := r.look(o.folder, root, o.name)
	if err != nil || what == kept || what == beside {
		return nil //nolint:nilerr // takeName meets it again
	}
	for _, suffix := range []string{database.WAL, database.Journal} {
		log := o.name + suffix
		is, err := isLog(root, log, suffix)
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		o.folder.names.mu.Lock()
		as, err := freeNameOf(root, log, "before the restore")
		if err == nil {
			err = root.Rename(log, as)
		}
		o.folder.names.mu.Unlock()
		if err != nil {
			return err
		}
		r.problem(joinPath(dirOf(o.path), log), &setAside{as})
	}
	return nil
}

// isLog reports whether a name at the target is a log in which something is.
func isLog(root *os.Root, name, suffix string) (bool, error) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return false, nil //nolint:nilerr // what cannot be looked at, as with a name that is too long, SQLite does not find either
	}
	f, err := root.Open(name)
	if err != nil {
		return false, err
	}
	is, err := database.IsLog(f, suffix)
	return is, errors.Join(err, f.Close())
}

// setAside tells that a log has another name now.
type setAside struct{ as string }

func (s *setAside) Error() string {
	return fmt.Sprintf("the log of the database that was here before is now %q", s.as)
}

func dirOf(path string) string {
	if i := len(path) - len(base(path)); i > 0 {
		return path[:i-1]
	}
	return ""
}
