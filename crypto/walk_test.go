package crypto_test

import (
	"bytes"
	"fmt"
	"reflect"
)

// walk prints as dumpers such as spew do: it calls no method and follows every
// pointer, interface and unexported field, to where there are only functions.
func walk(v any) ([]byte, error) {
	w := walker{seen: map[seen]bool{}}
	w.value(reflect.ValueOf(v))
	return w.out.Bytes(), nil
}

type walker struct {
	out  bytes.Buffer
	seen map[seen]bool // else a cycle had no end
}

type seen struct {
	at  uintptr
	of  reflect.Type
	len int // of a slice
}

func (w *walker) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Invalid:
	case reflect.Pointer:
		if at := (seen{v.Pointer(), v.Type(), 0}); !v.IsNil() && !w.seen[at] {
			w.seen[at] = true
			w.value(v.Elem())
		}
	case reflect.Interface:
		w.value(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fmt.Fprintf(&w.out, "\n%s: ", v.Type().Field(i).Name)
			w.value(v.Field(i))
		}
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			w.value(i.Key())
			w.value(i.Value())
		}
	case reflect.Slice, reflect.Array:
		w.list(v)
	default:
		fmt.Fprintf(&w.out, "%v ", v)
	}
}

// list prints what a list has, bytes also together.
func (w *walker) list(v reflect.Value) {
	if v.Kind() == reflect.Slice {
		at := seen{v.Pointer(), v.Type(), v.Len()}
		if w.seen[at] {
			return
		}
		w.seen[at] = true
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		fmt.Fprintf(&w.out, "%x ", v)
		return
	}
	for i := range v.Len() {
		w.value(v.Index(i))
	}
}
