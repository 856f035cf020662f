//! Which addresses a notification may go to: those that all of the Internet has, this machine where it is
//! named, and any other only where a channel says so.
//!
//! A set of rules may come from elsewhere than the machine that sends; without this, a channel could be
//! pointed at what only that machine reaches, such as the metadata service of a cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// From where an address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From everywhere.
    Public,
    /// From this machine alone.
    Loopback,
    /// From some networks only, or by nobody; what such addresses are for.
    Private(&'static str),
}

/// Says from where an address is reached, by the registries of special addresses of IANA. An address
/// that wraps one of version 4 is as reachable as that.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] => Reach::Loopback,
        [0, ..] => Reach::Private("this host"),
        [10, ..] | [192, 168, ..] => Reach::Private("a private network"),
        [172, second, ..] if second & 0xf0 == 16 => Reach::Private("a private network"),
        [169, 254, ..] => Reach::Private("the local link"),
        [100, second, ..] if second & 0xc0 == 64 => Reach::Private("a provider's own network"),
        [192, 0, 0, _] => Reach::Private("protocols"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Private("documentation"),
        [198, 18 | 19, ..] => Reach::Private("measurements"),
        [first, ..] if first & 0xf0 == 224 => Reach::Private("groups of hosts"),
        [first, ..] if first >= 240 => Reach::Private("nothing yet"),
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let wrapped = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Private("this host"),
        // Mapped, the older compatible form, and the prefixes of NAT64 and 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => wrapped(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => wrapped(high, low),
        [0x2002, high, low, ..] => wrapped(high, low),
        [0x64, 0xff9b, 1, ..] => Reach::Private("a private network"),
        [0x2001, 0, ..] => Reach::Private("tunnels"),
        [0x2001, 0xdb8, ..] => Reach::Private("documentation"),
        [first, ..] if first & 0xfe00 == 0xfc00 => Reach::Private("a private network"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Reach::Private("the local link"),
        [first, ..] if first & 0xffc0 == 0xfec0 => Reach::Private("a site"),
        [first, ..] if first & 0xff00 == 0xff00 => Reach::Private("groups of hosts"),
        _ => Reach::Public,
    }
}

/// Whether a host is named as this machine: a loopback address, or `localhost`.
pub fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => reach((*address).into()) == Reach::Loopback,
        Host::Domain(name) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a host at an address may be told: every public one, and this machine if the host is named as
/// such. A name that merely leads to this machine is none: whoever owns the name chose that.
///
/// # Errors
/// Why not, and what to write where it is meant, fit to follow the host.
pub fn may_reach(host: &Host<&str>, address: IpAddr) -> Result<(), String> {
    let what = match reach(address) {
        Reach::Public => return Ok(()),
        Reach::Loopback if is_this_machine(host) => return Ok(()),
        Reach::Loopback => "this machine",
        Reach::Private(what) => what,
    };
    let place = match host {
        Host::Domain(_) => format!("leads to {address}, an address of {what}"),
        Host::Ipv4(_) | Host::Ipv6(_) => format!("is an address of {what}"),
    };
    Err(format!("{place}; if that is meant, add allow_private = true to the channel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], want: fn(Reach) -> bool) {
        for text in addresses {
            let address = text.parse().expect("an address");
            assert!(want(reach(address)), "{text} is {:?}", reach(address));
        }
    }

    #[test]
    fn addresses_are_told_apart_by_the_edges_of_their_ranges() {
        check(&["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"], |reach| {
            reach == Reach::Loopback
        });
        let private = [
            "0.0.0.0",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.0",
            "100.127.255.255",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:a00:1::",
            "2001:0:1::",
        ];
        check(&private, |reach| matches!(reach, Reach::Private(_)));
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "169.253.255.255",
            "100.63.255.255",
            "100.128.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
        ];
        check(&public, |reach| reach == Reach::Public);
    }

    #[test]
    fn this_machine_is_reached_by_its_own_names_only() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let may = |host: &str, address| {
            let host = Host::parse(host).expect("a host");
            let host = match &host {
                Host::Domain(name) => Host::Domain(name.as_str()),
                Host::Ipv4(address) => Host::Ipv4(*address),
                Host::Ipv6(address) => Host::Ipv6(*address),
            };
            may_reach(&host, address)
        };
        for host in ["127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f.1"] {
            assert_eq!(may(host, loopback), Ok(()), "{host}");
        }
        let error = may("rebind.example.org", loopback).expect_err("another's name");
        assert!(error.contains("leads to 127.0.0.1") && error.contains("allow_private"), "{error}");
        let metadata = IpAddr::from([169, 254, 169, 254]);
        assert!(may("169.254.169.254", metadata).is_err());
        assert!(may("localhost", metadata).is_err());
        assert_eq!(may("example.org", IpAddr::from([1, 1, 1, 1])), Ok(()));
    }
}
