"""What is wrong with a device, and how to mend it: `nearfield doctor` (docs/doctor.md)."""
