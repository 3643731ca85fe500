# What /init does on Warren only.

power_off() {
    poweroff -f
}
