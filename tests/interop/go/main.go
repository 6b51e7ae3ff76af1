// Sends what standard input says with franz-go or sarama.
// One batch a line of JSON; its name is printed when the broker has all of it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// Batch is one line of standard input; encoding/json reads base64 into []byte and null into nil.
type Batch struct {
	Name        string   `json:"name"`
	Topic       string   `json:"topic"`
	Codec       string   `json:"codec"`
	Partitioner string   `json:"partitioner"`
	Mode        string   `json:"mode"`
	Records     []Record `json:"records"`
	Aborted     []Record `json:"aborted"`
}

// Record is one record to send.
type Record struct {
	Key     []byte   `json:"key"`
	Value   []byte   `json:"value"`
	Headers []Header `json:"headers"`
}

// Header is a pair of name and content.
type Header struct {
	Name    string
	Content []byte
}

// UnmarshalJSON reads a list of two.
func (header *Header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&header.Name, &header.Content})
}

var clients = map[string]func(servers string, batch Batch) error{
	"franz-go": sendFranz,
	"sarama":   sendSarama,
}

func main() {
	send, servers := clients[os.Args[1]], os.Args[2]
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var batch Batch
		if err := json.Unmarshal(lines.Bytes(), &batch); err != nil {
			end(err)
		}
		if err := send(servers, batch); err != nil {
			end(fmt.Errorf("%s: %w", batch.Name, err))
		}
		fmt.Println(batch.Name)
	}
}

func end(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
