package rest

// ReadComposite is how a page is read.
var ReadComposite = readComposite
