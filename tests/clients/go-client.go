// SPDX-License-Identifier: GPL-2.0-or-later

// A program that uses the QMP library of go-qemu as its manual says.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func main() {
	monitor, err := qmp.NewSocketMonitor("unix", os.Args[1], 2*time.Second)
	must(err)
	must(monitor.Connect())
	defer monitor.Disconnect()
	events, err := monitor.Events(context.Background())
	must(err)
	_, err = monitor.Run([]byte(`{"execute": "query-block"}`))
	must(err)
	_, err = monitor.Run([]byte(`{"execute": "nosuch"}`))
	fmt.Println("error:", err)
	select {
	case event := <-events:
		fmt.Println("event:", event.Event, event.Data["node-name"])
	case <-time.After(20 * time.Second):
		fmt.Println("no event")
	}
}
