package format

// encodeNodes and decodeNodes encode and decode a whole block.
func encodeNodes(nodes []Node) []byte {
	var e NodeEncoder
	for i := range nodes {
		e.Add(&nodes[i])
	}
	return e.Finish()
}

func decodeNodes(block []byte, after string) ([]Node, error) {
	d, err := NewNodeDecoder(block, after)
	if err != nil {
		return nil, err
	}
	nodes := []Node{}
	for {
		var n Node
		more, err := d.Next(&n)
		if err != nil {
			return nil, err
		}
		if !more {
			return nodes, nil
		}
		nodes = append(nodes, n)
	}
}
