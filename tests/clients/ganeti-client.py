# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses Ganeti's QMP connection as Ganeti does: PYTHONPATH leads to it."""
import sys

from ganeti.hypervisor.hv_kvm.monitor import QmpConnection

connection = QmpConnection(sys.argv[1])
connection.connect()
print("commands:", "blockdev-backup" in connection.supported_commands)
print("device:", connection.Execute("query-block")[0]["device"])
try:
    connection.Execute("object-add", {"qom-type": "throttle-group", "id": "g"})
except Exception as error:
    print("error:", "A group with this name already exists" in str(error))
connection.close()
