// Package mailserver holds the settings that make Dovecot, Postfix, Rspamd and
// SOGo of Debian 12 obey a store of mailops, made for copying. They are embedded
// so that what is tested, and what the doctor compares with, are these very
// files. Only the standard library is imported.
package mailserver

import "embed"

// Settings holds the files: dovecot, postfix, rspamd and sogo as below /etc, and
// what differs between the kinds of stores below sqlite and postgres.
//
//go:embed dovecot postfix rspamd sogo sqlite postgres
var Settings embed.FS
