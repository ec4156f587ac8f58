// Command mailops-arraysim simulates EmailArray for people and tests without an account.
package main

import (
	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/simhttp"
)

func main() { simhttp.Main("mailops-arraysim", arraysim.Command) }
