package testparsers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-payermax/caddy-payermax/internal/testparsers/fastjson"
)

// inGo parses a document in this process: with all digits, as doubles, into a struct, for
// which encoding/json ignores the case of names, and by fastjson's rules.
func inGo(document []byte) []View {
	return []View{
		inMap("Go, each digit", document, true),
		inMap("Go, a map", document, false),
		inStruct(document),
		inModel("fastjson's rules, a map", document, fastjson.Map),
		inModel("fastjson's rules, a bean", document, fastjson.Bean),
	}
}

func inMap(parser string, document []byte, digits bool) View {
	d := json.NewDecoder(bytes.NewReader(document))
	if digits {
		d.UseNumber()
	}
	var top map[string]any
	if d.Decode(&top) != nil || top == nil || d.More() || !utf8.Valid(document) {
		return View{Parser: parser, Refused: true}
	}
	data, _ := top["data"].(map[string]any)
	return View{Parser: parser, facts: facts(top, data)}
}

func facts(objects ...map[string]any) []string {
	var found []string
	for _, object := range objects {
		for _, name := range Names {
			found = append(found, fact(object[name]))
		}
	}
	return found
}

func fact(value any) string {
	switch value := value.(type) {
	case nil:
		return "-"
	case bool:
		return strconv.FormatBool(value)[:1]
	case json.Number:
		return "n" + value.String()
	case float64:
		return "d" + strconv.FormatFloat(value, 'g', -1, 64)
	case string:
		return "s" + base64.StdEncoding.EncodeToString([]byte(value))
	default:
		return "c"
	}
}

// bean is a struct type with a field for each of Names.
var bean = func() reflect.Type {
	var fields []reflect.StructField
	for _, name := range Names {
		fields = append(fields, reflect.StructField{
			Name: strings.ToUpper(name[:1]) + name[1:], Type: reflect.TypeFor[any](),
			Tag: reflect.StructTag(fmt.Sprintf("json:%q", name)),
		})
	}
	return reflect.StructOf(fields)
}()

func inStruct(document []byte) View {
	const parser = "Go, a struct"
	top := reflect.New(bean)
	var whole struct{ Data json.RawMessage }
	if json.Unmarshal(document, top.Interface()) != nil || json.Unmarshal(document, &whole) != nil {
		return View{Parser: parser, Refused: true}
	}
	data := reflect.New(bean)
	_ = json.Unmarshal(whole.Data, data.Interface()) // data may not be an object
	return View{Parser: parser, facts: facts(members(top.Elem()), members(data.Elem()))}
}

func members(bean reflect.Value) map[string]any {
	found := make(map[string]any)
	for i, name := range Names {
		found[name] = bean.Field(i).Interface()
	}
	return found
}

func inModel(parser string, document []byte, read func([]byte, []string) (top, data map[string]any, err error)) View {
	top, data, err := read(document, Names)
	if err != nil {
		return View{Parser: parser, Refused: true}
	}
	return View{Parser: parser, facts: facts(top, data)}
}
