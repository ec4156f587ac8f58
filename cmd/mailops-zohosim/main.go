// Command mailops-zohosim simulates Zoho Mail for people and tests without an account.
package main

import (
	"mailops/reconcile/simhttp"
	"mailops/reconcile/zohomail/zohosim"
)

func main() { simhttp.Main("mailops-zohosim", zohosim.Command) }
