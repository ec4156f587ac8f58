package main

import (
	"cmp"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mailops/reconcile/backup"
	"mailops/schema"
	"mailops/schema/load"
)

// backupOptions reads what is to be backed up, from where and to where.
func (a *app) backupOptions(user string, flags backupFlags) (backup.Options, error) {
	var o backup.Options
	var err error
	if o.Address, err = load.FoldAddress(user); err != nil {
		return o, usage("%s: %w", user, err)
	}
	if flags.storage != "" && !slices.Contains(backup.Storages, flags.storage) {
		return o, usage("--format %s: want one of %s", flags.storage, strings.Join(backup.Storages, ", "))
	}
	if o.Limits.Message, err = sizeFlag("--max-message", flags.message); err != nil {
		return o, err
	}
	if o.Limits.Total, err = sizeFlag("--max-total", flags.total); err != nil {
		return o, err
	}
	o.Storage, o.Dir = flags.storage, a.backupDir(flags.to, o.Address)
	o.Now = a.now
	if a.env["MAILOPS_BACKUP_SERVER"] == "" {
		return o, usage("no mail server is set: say where the mail is in MAILOPS_BACKUP_SERVER, such as pop3s://HOST:PORT")
	}
	o.Server, err = a.backupServer()
	return o, err
}

// sizeFlag reads an amount; "" is 0, which stands for the default.
func sizeFlag(name, given string) (int64, error) {
	if given == "" {
		return 0, nil
	}
	size, err := schema.ParseBytes(given)
	if err != nil || size == schema.Unlimited {
		return 0, usage("%s %s: want a size such as 256MiB", name, given)
	}
	return int64(size), nil
}

// backupDir is the folder of a user's archive.
func (a *app) backupDir(to string, address schema.Address) string {
	all := cmp.Or(to, a.env["MAILOPS_BACKUP_DIR"], filepath.Join(a.dir, ".mailops", "backups"))
	return filepath.Join(all, backup.FileName(string(address)))
}

// backupServer reads the mail server and its master user from the environment.
// Without one, the store grants each backup a sign-in of its own.
func (a *app) backupServer() (backup.Server, error) {
	s, err := backup.ParseServer(a.env["MAILOPS_BACKUP_SERVER"])
	if err != nil {
		return s, usage("MAILOPS_BACKUP_SERVER: %w", err)
	}
	if s.User = a.env["MAILOPS_BACKUP_USER"]; s.User != "" {
		if s.Password, err = a.backupPassword(); err != nil {
			return s, err
		}
	}
	if file := a.env["MAILOPS_BACKUP_CA"]; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return s, usage("MAILOPS_BACKUP_CA: %w", err)
		}
		if s.Roots = x509.NewCertPool(); !s.Roots.AppendCertsFromPEM(pem) {
			return s, usage("MAILOPS_BACKUP_CA: %s holds no certificate", file)
		}
	}
	return s, nil
}

// backupPassword reads the master password. It opens every mailbox: a file that
// others may read is refused, as ssh refuses such keys.
func (a *app) backupPassword() (string, error) {
	file, given := a.env["MAILOPS_BACKUP_PASSWORD_FILE"], a.env["MAILOPS_BACKUP_PASSWORD"]
	switch {
	case file == "" && given == "":
		return "", usage("MAILOPS_BACKUP_PASSWORD_FILE: name the file with the master user's password")
	case file == "":
		return given, nil
	case given != "":
		return "", usage("MAILOPS_BACKUP_PASSWORD_FILE and MAILOPS_BACKUP_PASSWORD are both set: want one")
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", usage("MAILOPS_BACKUP_PASSWORD_FILE: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", usage("MAILOPS_BACKUP_PASSWORD_FILE: others may read %s, or it is no file: chmod 600 it", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usage("MAILOPS_BACKUP_PASSWORD_FILE: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
