//! Linux's socket ABI: the numbers, and nothing but the numbers. Each group names the
//! uapi header it is from; x86-64 and asm-generic values.
#![allow(missing_docs, reason = "the headers named beside each group document them")]

macro_rules! constants {
    ($type:ty; $($name:ident = $value:expr;)*) => { $(pub const $name: $type = $value;)* };
}

// include/linux/socket.h
constants! { u16;
    AF_UNSPEC = 0; AF_UNIX = 1; AF_INET = 2; AF_INET6 = 10; AF_NETLINK = 16; AF_PACKET = 17;
    AF_MAX = 46; // the first number no family has
}

// include/linux/net.h: the type in the low four bits, two flags above.
constants! { u32;
    SOCK_STREAM = 1; SOCK_DGRAM = 2; SOCK_RAW = 3; SOCK_RDM = 4; SOCK_SEQPACKET = 5;
    SOCK_DCCP = 6; SOCK_PACKET = 10; SOCK_MAX = 11;
    SOCK_TYPE_MASK = 0xf; SOCK_NONBLOCK = 0o4000; SOCK_CLOEXEC = 0o2000000;
}

// include/uapi/linux/in.h
constants! { u8;
    IPPROTO_IP = 0; IPPROTO_ICMP = 1; IPPROTO_TCP = 6; IPPROTO_UDP = 17; IPPROTO_RAW = 255;
}

// include/linux/socket.h: flags of send and recv.
constants! { u32;
    MSG_OOB = 0x01; MSG_PEEK = 0x02; MSG_DONTROUTE = 0x04; MSG_CTRUNC = 0x08;
    MSG_TRUNC = 0x20; MSG_DONTWAIT = 0x40; MSG_EOR = 0x80; MSG_WAITALL = 0x100;
    MSG_CONFIRM = 0x800; MSG_ERRQUEUE = 0x2000; MSG_NOSIGNAL = 0x4000; MSG_MORE = 0x8000;
    MSG_WAITFORONE = 0x10000; MSG_CMSG_CLOEXEC = 0x4000_0000;
}

// Levels of setsockopt and of control messages.
constants! { i32;
    SOL_IP = 0; SOL_SOCKET = 1; SOL_TCP = 6; SOL_UDP = 17; SOL_RAW = 255; SOL_NETLINK = 270;
}

// include/uapi/asm-generic/socket.h
constants! { i32;
    SO_DEBUG = 1; SO_REUSEADDR = 2; SO_TYPE = 3; SO_ERROR = 4; SO_DONTROUTE = 5;
    SO_BROADCAST = 6; SO_SNDBUF = 7; SO_RCVBUF = 8; SO_KEEPALIVE = 9; SO_OOBINLINE = 10;
    SO_PRIORITY = 12; SO_LINGER = 13; SO_REUSEPORT = 15; SO_PASSCRED = 16; SO_PEERCRED = 17;
    SO_RCVLOWAT = 18; SO_SNDLOWAT = 19; SO_RCVTIMEO = 20; SO_SNDTIMEO = 21;
    SO_BINDTODEVICE = 25; SO_TIMESTAMP = 29; SO_ACCEPTCONN = 30; SO_SNDBUFFORCE = 32;
    SO_RCVBUFFORCE = 33; SO_TIMESTAMPNS = 35; SO_MARK = 36; SO_PROTOCOL = 38; SO_DOMAIN = 39;
    SO_BINDTOIFINDEX = 62; SO_TIMESTAMP_NEW = 63; SO_TIMESTAMPNS_NEW = 64;
    SO_RCVTIMEO_NEW = 66; SO_SNDTIMEO_NEW = 67;
    SCM_RIGHTS = 1; SCM_CREDENTIALS = 2;
}

// include/uapi/linux/in.h
constants! { i32;
    IP_TOS = 1; IP_TTL = 2; IP_HDRINCL = 3; IP_OPTIONS = 4; IP_RECVOPTS = 6; IP_RETOPTS = 7;
    IP_PKTINFO = 8; IP_MTU_DISCOVER = 10; IP_RECVERR = 11; IP_RECVTTL = 12; IP_RECVTOS = 13;
    IP_MTU = 14; IP_FREEBIND = 15; IP_MULTICAST_IF = 32; IP_MULTICAST_TTL = 33;
    IP_MULTICAST_LOOP = 34; IP_ADD_MEMBERSHIP = 35; IP_DROP_MEMBERSHIP = 36;
    IP_PMTUDISC_DONT = 0; IP_PMTUDISC_WANT = 1; IP_PMTUDISC_DO = 2; IP_PMTUDISC_PROBE = 3;
    IP_PMTUDISC_INTERFACE = 4; IP_PMTUDISC_OMIT = 5;
}

// include/uapi/linux/tcp.h, include/uapi/linux/icmp.h
constants! { i32;
    TCP_NODELAY = 1; TCP_MAXSEG = 2; TCP_CORK = 3; TCP_KEEPIDLE = 4; TCP_KEEPINTVL = 5;
    TCP_KEEPCNT = 6; TCP_SYNCNT = 7; TCP_LINGER2 = 8; TCP_DEFER_ACCEPT = 9; TCP_INFO = 11;
    TCP_QUICKACK = 12; TCP_CONGESTION = 13; TCP_USER_TIMEOUT = 18; TCP_FASTOPEN = 23;
    ICMP_FILTER = 1;
}

// include/uapi/linux/netlink.h
constants! { i32; NETLINK_ROUTE = 0; }

// include/uapi/linux/sockios.h, include/uapi/asm-generic/ioctls.h
constants! { u32;
    FIONREAD = 0x541b; FIOASYNC = 0x5452; SIOCATMARK = 0x8905; SIOCOUTQ = 0x5411;
    SIOCGSTAMP = 0x8906; SIOCGSTAMPNS = 0x8907;
    SIOCADDRT = 0x890b; SIOCDELRT = 0x890c;
    SIOCGIFNAME = 0x8910; SIOCGIFCONF = 0x8912; SIOCGIFFLAGS = 0x8913; SIOCSIFFLAGS = 0x8914;
    SIOCGIFADDR = 0x8915; SIOCSIFADDR = 0x8916; SIOCGIFDSTADDR = 0x8917;
    SIOCSIFDSTADDR = 0x8918; SIOCGIFBRDADDR = 0x8919; SIOCSIFBRDADDR = 0x891a;
    SIOCGIFNETMASK = 0x891b; SIOCSIFNETMASK = 0x891c; SIOCGIFMETRIC = 0x891d;
    SIOCSIFMETRIC = 0x891e; SIOCGIFMTU = 0x8921; SIOCSIFMTU = 0x8922; SIOCSIFNAME = 0x8923;
    SIOCSIFHWADDR = 0x8924; SIOCGIFHWADDR = 0x8927; SIOCGIFINDEX = 0x8933;
    SIOCGIFTXQLEN = 0x8942; SIOCSIFTXQLEN = 0x8943; SIOCDARP = 0x8953; SIOCGARP = 0x8954;
    SIOCSARP = 0x8955; SIOCGIFMAP = 0x8970;
    SIOCBRADDBR = 0x89a0; SIOCBRDELBR = 0x89a1; SIOCBRADDIF = 0x89a2; SIOCBRDELIF = 0x89a3;
}

// include/uapi/linux/route.h: flags of /proc/net/route and struct rtentry.
constants! { u16;
    RTF_UP = 0x0001; RTF_GATEWAY = 0x0002; RTF_HOST = 0x0004; RTF_MTU = 0x0040;
    RTF_WINDOW = 0x0080; RTF_IRTT = 0x0100; RTF_REJECT = 0x0200;
}

// include/uapi/linux/if_arp.h: flags of /proc/net/arp.
constants! { u16; ATF_COM = 0x02; ATF_PERM = 0x04; ATF_PUBL = 0x08; }
