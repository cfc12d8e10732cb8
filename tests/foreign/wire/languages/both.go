// A server and a client in one program, which calls the kernel without the C library.
package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
)

func main() {
	if os.Args[1] == "serve" {
		listening, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println("port", listening.Addr().(*net.TCPAddr).Port)
		for {
			one, err := listening.Accept()
			if err != nil {
				panic(err)
			}
			go func() { io.Copy(one, one); one.(*net.TCPConn).CloseWrite() }()
		}
	}
	total := 0
	for i := 0; i < 4; i++ {
		one, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
		if err != nil {
			panic(err)
		}
		dice := rand.New(rand.NewSource(int64(i)))
		for j := 0; j < 200; j++ {
			sent := make([]byte, 1+dice.Intn(50000))
			dice.Read(sent)
			go one.Write(sent)
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(one, got); err != nil || !bytes.Equal(sent, got) {
				fmt.Println("wrong", err)
				os.Exit(1)
			}
			total += len(sent)
		}
		one.Close()
	}
	fmt.Println("right,", total, "bytes")
}
