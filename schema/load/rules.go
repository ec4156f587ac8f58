package load

import "mailops/schema"

func rules(d *schema.Declarations) schema.Problems { return nil }
