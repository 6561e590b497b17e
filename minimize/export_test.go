package minimize

// Memory is every byte that a change holds, used or left over.
func (c Change) Memory() [][]byte {
	s := c.f()
	return [][]byte{s.ids[:cap(s.ids)], s.buf[:cap(s.buf)], s.full[:cap(s.full)], s.unquoted[:cap(s.unquoted)]}
}
