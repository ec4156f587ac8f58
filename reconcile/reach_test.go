package reconcile_test

import (
	"fmt"

	"mailops/reconcile"
)

func ExampleRouteChange_String() {
	fmt.Println(reconcile.RouteChange{Address: "jobs@acme.example", Before: []string{"ana@acme.example"}})
	fmt.Println(reconcile.RouteChange{Address: "all@acme.example", Before: []string{"ana", "bruno", "carla", "diogo", "eva"}, After: []string{"ana", "bruno", "carla", "diogo", "filipe"}})
	// Output:
	// jobs@acme.example: ana@acme.example → nobody
	// all@acme.example: 5 → 5 readers; no longer eva; now also filipe
}
