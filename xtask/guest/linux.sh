# What /init does on Debian's Linux only.

# Debian builds veth, bridge and dummy as modules; the list is in order of dependency.
# The dummy module brings a link of its own unless told not to.
while read -r module; do
    case $module in
    dummy) insmod "/usr/lib/modules/$module.ko" numdummies=0 ;;
    *) insmod "/usr/lib/modules/$module.ko" ;;
    esac
done </etc/guest/modules

# Linux knows nothing of QEMU's debug exit device at port 0xf4. Writing 0x10 there by hand ends
# QEMU with status 33, so that here too only a guest that got this far counts as a success.
power_off() {
    printf '\020' | dd of=/dev/port bs=1 seek=244 count=1 2>/dev/null
}
