package stack

// replacements is everything in the settings that is not so on a test machine:
// paths, ports, users and secrets. Each old text must occur in a file that its
// pattern names. In new texts, {dir} is the stack's folder, {NAME} one of its
// ports (portNames), and {secret} its password.
var replacements = []struct {
	files string // a pattern of path.Match below the settings' folder
	old   string
	new   string
}{
	// Paths.
	{"dovecot/*", "/etc/dovecot/", "{dir}/etc/dovecot/"},
	{"dovecot/dovecot.conf", "/etc/ssl/mail/", "{dir}/tls/"},
	{"dovecot/dovecot.conf", "/var/spool/postfix/", "{dir}/spool/"},
	{"dovecot/sql-user.conf.ext", "/var/vmail/", "{dir}/vmail/"},
	{"sqlite/dovecot/*", "/etc/dovecot/", "{dir}/etc/dovecot/"},
	{"sqlite/dovecot/*", "/var/lib/mailops/", "{dir}/lib/"},
	{"sqlite/postfix/sql/*", "/var/lib/mailops/", "{dir}/lib/"},
	{"postgres/dovecot/*", "/etc/dovecot/", "{dir}/etc/dovecot/"},
	{"postfix/main.cf", "/etc/postfix/", "{dir}/etc/postfix/"},
	{"postfix/main.cf", "/etc/ssl/mail/", "{dir}/tls/"},
	{"postfix/master.cf", "/usr/bin/mailops", "{dir}/bin/mailops"},
	{"postfix/master.cf", "--store sqlite:/var/lib/mailops/live.db", "--store {store}"},

	// Users: no user is made on a test machine.
	{"dovecot/dovecot.conf", "mail_uid = vmail", "mail_uid = nobody"},
	{"dovecot/dovecot.conf", "mail_gid = vmail", "mail_gid = nogroup"},
	{"dovecot/dovecot.conf", "user = vmail", "user = nobody"},
	{"postfix/master.cf", "user=mailops", "user=nobody"},
	{"sqlite/dovecot/database.conf", "extra_groups = maildb", "extra_groups = postfix"},

	// Ports.
	{"dovecot/dovecot.conf", "port = 143\n", "port = {imap}\n"},
	{"dovecot/dovecot.conf", "port = 993\n", "port = {imaps}\n"},
	{"dovecot/dovecot.conf", "port = 110\n", "port = {pop3}\n"},
	{"dovecot/dovecot.conf", "port = 995\n", "port = {pop3s}\n"},
	{"dovecot/dovecot.conf", "port = 4190\n", "port = {sieve}\n"},
	{"dovecot/dovecot.conf", "port = 1143\n", "port = {webmail}\n"},
	{"dovecot/dovecot.conf", "port = 1144\n", "port = {activesync}\n"},
	{"dovecot/dovecot.conf", "port = 1145\n", "port = {backup-imap}\n"},
	{"dovecot/dovecot.conf", "port = 1110\n", "port = {backup-pop3}\n"},
	{"dovecot/dovecot.conf", "127.0.0.1:10026", "127.0.0.1:{reinject}"},
	{"dovecot/enforce.conf", "port = 8080\n", "port = {doveadm}\n"},
	{"dovecot/sql-*.conf.ext", "'1143'", "'{webmail}'"},
	{"dovecot/sql-*.conf.ext", "'1144'", "'{activesync}'"},
	{"dovecot/sql-*.conf.ext", "'1145'", "'{backup-imap}'"},
	{"dovecot/sql-*.conf.ext", "'1110'", "'{backup-pop3}'"},
	{"postfix/master.cf", "smtp      inet", "127.0.0.1:{mx} inet"},
	{"postfix/master.cf", "submission inet", "127.0.0.1:{submission} inet"},
	{"postfix/master.cf", "submissions inet", "127.0.0.1:{submissions} inet"},
	{"postfix/master.cf", "127.0.0.1:10587", "127.0.0.1:{submit-webmail}"},
	{"postfix/master.cf", "127.0.0.1:10588", "127.0.0.1:{submit-activesync}"},
	{"postfix/master.cf", "127.0.0.1:10026", "127.0.0.1:{reinject}"},
	{"postfix/main.cf", "127.0.0.1:11332", "127.0.0.1:{rspamd}"},
	{"rspamd/local.d/worker-proxy.inc", "127.0.0.1:11332", "127.0.0.1:{rspamd}"},
	{"rspamd/local.d/worker-controller.inc", "127.0.0.1:11334", "127.0.0.1:{rspamd-controller}"},
	{"postgres/dovecot/*", "port=5432", "port={postgres}"},
	{"postgres/postfix/sql/*", "127.0.0.1:5432", "127.0.0.1:{postgres}"},
	{"postgres/postfix/sql/*", "localhost:5432", "localhost:{postgres}"},
	{"sogo/sogo.conf", "127.0.0.1:5432", "127.0.0.1:{postgres}"},
	{"sogo/sogo.conf", "127.0.0.1:1144", "127.0.0.1:{activesync}"},
	{"sogo/sogo.conf", "127.0.0.1:10588", "127.0.0.1:{submit-activesync}"},
	{"sogo/sogo.conf", "127.0.0.1:20000", "127.0.0.1:{sogo}"},
	{"sogo/sogo.conf", "127.0.0.1:11211", "127.0.0.1:{memcached}"},

	// Secrets.
	{"dovecot/enforce.conf", "change-this-key", "{secret}"},
	{"postgres/dovecot/*", "change-this-password", "{secret}"},
	{"postgres/postfix/sql/*", "change-this-password", "{secret}"},
	{"sogo/sogo.conf", "change-this-password", "{secret}"},
	{"sogo/sogo.conf", "change-this-sogo-password", "{secret}"},

	// Where the two kinds of stores differ and Postfix can include nothing.
	{"postfix/main.cf", "store = proxy:sqlite:", "store = proxy:{maps}:"},
}

// overlays is what tests add to the settings, at the end of a file or as a file
// of its own. Nothing here changes who may do what.
var overlays = []struct {
	file    string // below etc
	needed  func(Options) bool
	text    string // as in replacements
	because string
}{
	{"dovecot/local.conf", always, `
base_dir = {dir}/run/dovecot
state_dir = {dir}/run/dovecot-state
instance_name = {dir}
log_path = {dir}/log/dovecot.log
listen = 127.0.0.1
`, "several run on one machine, and nothing listens to the world"},
	{"dovecot/local.conf", always, `
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`, "tests fail to sign in on purpose, from one address, and need not wait for it"},
	{"dovecot/local.conf", always, `
mail_max_userip_connections = 500
`, "figures are taken with many sessions of few users"},
	{"dovecot/local.conf", cached, `
auth_cache_size = 10M
auth_cache_ttl = 1 hour
auth_cache_negative_ttl = 1 hour
`, "the test asks for a cache"},
	{"postfix/main.cf", always, `
queue_directory = {dir}/spool
data_directory = {dir}/postfix
maillog_file = {dir}/log/postfix.log
maillog_file_prefixes = /var, /dev/stdout, {dir}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
`, "several run on one machine, and nothing listens to the world"},
	{"postfix/main.cf", always, `
relayhost = [127.0.0.1]:{sink}
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_peername_lookup = no
`, "there is no DNS, and what leaves the organization goes to the test's sink"},
	{"postfix/main.cf", always, `
mydestination =
alias_maps =
alias_database =
`, "/etc/aliases is the test machine's own"},
	{"postfix/main.cf", always, `
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
`, "tests are refused on purpose, from one address, and need not wait for it"},
	{"postfix/main.cf", withoutRspamd, `
smtpd_milters =
`, "the test does without Rspamd"},
	{"rspamd/local.d/logging.inc", withRspamd, `
type = "file";
filename = "{dir}/log/rspamd.log";
`, "several run on one machine"},
	{"rspamd/local.d/options.inc", withRspamd, `
enable_test_patterns = true;
`, "GTUBE in the form that is marked is off by default; the well-known form is refused for everybody by Rspamd 3.4 itself"},
	{"rspamd/local.d/options.inc", withRspamd, `
dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
url_tld = "{dir}/etc/rspamd/suffixes.dat";
`, "there is no DNS, and compiling the whole list of public suffixes takes 14 s"},
	{"rspamd/suffixes.dat", withRspamd, "com\nnet\norg\nexample\n", "the list of the line above"},
	{"rspamd/rspamd.conf.local", withRspamd, "", "Rspamd reads it"},
	{"rspamd/rspamd.conf.local.override", withRspamd, "", "Rspamd reads it"},
}

// networked are modules of Rspamd that ask the world, which is not there.
var networked = []string{
	"arc", "asn", "bayes_expiry", "clickhouse", "dkim", "dkim_signing", "dmarc", "elastic", "fuzzy_check", "greylist",
	"hfilter", "history_redis", "mx_check", "neural", "phishing", "ratelimit", "rbl", "replies", "spf", "surbl", "url_redirector",
}

func cached(o Options) bool        { return o.AuthCache }
func withRspamd(o Options) bool    { return o.Rspamd }
func withoutRspamd(o Options) bool { return !o.Rspamd }
