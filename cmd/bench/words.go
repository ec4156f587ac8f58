package main

import "strings"

// The words that names are made of: common ones, in ASCII.
var (
	firstNames = strings.Fields(`
		adriana afonso alice amalia andre anja antonio armin aurora barbara bastian beatriz benedita bernd bianca bruno
		camila carina carlos cecilia clara daniel dario david diana dieter dinis duarte edgar elena elias elisa
		emilia erik ernesto eva fabian felix fernanda filipa florian franziska gabriel georg gloria guilherme hanna heitor
		helena henrik hugo ida ines irene isabel ivo jana joana joel jonas julia karin klara lara
		laura leonor lina lorenz lucas luisa madalena manuel marco margarida maria marlene martim matilde miguel mona`)
	lastNames = strings.Fields(`
		abreu ackermann albrecht almeida alves amaral arnold azevedo barros bauer becker behrens bento bergmann borges braga
		brandt brito busch cabral campos cardoso castro conrad costa couto cunha dias dietrich diniz ebert engel
		esteves falk faria farinha fischer fonseca franco freitas friedrich galvao garcia gomes graf guerra haas hahn
		hartmann henriques herrmann hofmann horn jansen jardim kaiser keller klein koch kraus kuhn lang leal
		lemos lima lopes lorenz machado maia martins mendes mota nagel neves nunes otto pacheco paiva wagner winter`)
	departments = strings.Fields(`
		billing board careers events facilities finance fleet imports info legal logistics marketing office orders
		payroll press projects purchasing quality reception research safety sales service shop stock support training`)
	// domainNames are the organization's domains; the first is the main one.
	domainNames = strings.Fields(`
		acme.example acme-labs.example acme-shop.example acme-foods.example acme-energy.example acme-travel.example
		acme-media.example acme-care.example north.acme.example south.acme.example east.acme.example west.acme.example
		roastery.example mill.example harbour.example orchard.example`)
)

// title writes a word with a capital letter.
func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
