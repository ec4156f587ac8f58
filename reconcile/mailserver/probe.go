package mailserver

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Probe asks the servers that run whether they know a user of the store, and
// looks whether they run with the settings that the files hold. An empty user
// is not asked for.
func Probe(ctx context.Context, at Paths, s Settings, user string) []Mistake {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	var out []Mistake
	if started, running := since(filepath.Join(s.Dovecot.Settings["base_dir"], "master.pid")); !running {
		out = append(out, Mistake{"dovecot-down", "Dovecot does not run", "systemctl start dovecot"})
	} else {
		if newer(started, s.below(filepath.Dir(at.Dovecot), at.Dovecot)) {
			out = append(out, Mistake{"dovecot-old", "Dovecot runs with older settings than the files hold", "doveadm reload"})
		}
		if _, err := output(ctx, "doveadm", "-c", at.Dovecot, "user", "-f", "home", user); user != "" && err != nil {
			out = append(out, Mistake{"dovecot-elsewhere", "Dovecot does not find " + user + ", which the store has: " + err.Error(), "its log says why; the connection is in connect.conf.ext"})
		}
	}
	if started, running := since(filepath.Join(s.Postfix["queue_directory"], "pid", "master.pid")); !running {
		out = append(out, Mistake{"postfix-down", "Postfix does not run", "systemctl start postfix"})
	} else {
		if newer(started, s.below(at.Postfix, filepath.Join(at.Postfix, "main.cf"), filepath.Join(at.Postfix, "master.cf"))) {
			out = append(out, Mistake{"postfix-old", "Postfix runs with older settings than the files hold", "postfix reload"})
		}
		table := s.expand(s.Postfix["virtual_mailbox_maps"], nil)
		found, err := output(ctx, "postmap", "-c", at.Postfix, "-q", user, table)
		if user != "" && (err != nil || strings.TrimSpace(found) == "") {
			out = append(out, Mistake{"postfix-elsewhere", "Postfix does not find " + user + ", which the store has, in " + table, "postmap -q " + user + " " + table + " says why"})
		}
	}
	return out
}

// since says when a daemon started or was reloaded last, by the file that holds
// its process id, and whether that process is there.
func since(pidFile string) (time.Time, bool) {
	info, err := os.Stat(pidFile)
	if err != nil {
		return time.Time{}, false
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return time.Time{}, false
	}
	_, err = os.Stat(filepath.Join("/proc", strings.TrimSpace(string(text))))
	return info.ModTime(), err == nil
}

// newer reports whether one of the files was written after a time.
func newer(started time.Time, files []string) bool {
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(started) {
			return true
		}
	}
	return false
}

// below adds to files those with queries that lie in a folder: the servers read
// them when they start.
func (s *Settings) below(dir string, files ...string) []string {
	for file := range s.Queries {
		if strings.HasPrefix(file, dir+"/") {
			files = append(files, file)
		}
	}
	return files
}
