package sqlstore

// Recorded are the rules about a user that no view for mail servers, no trigger
// and no verb acts on: mailops' own rules look at them, and a panel may. Name
// and language are no rules. See [reconcile.Recorder].
var Recorded = []string{"role", "accountType", "permissions.features.sharedFolders"}
