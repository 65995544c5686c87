//! The guard of webhooks that were made through the API: whoever makes one reaches by it what the public network
//! reaches, and nothing of the network that this server is in.
//!
//! Addresses are judged where connections are made, each time: a name that led to a public address when it was checked
//! may lead to a private one a moment later.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use deedbook_core::Result;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::settings::wrong;

/// Looks up a name.
type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Where a webhook that was made through the API may connect to.
#[derive(Clone)]
pub struct Guard {
    look_up: Arc<LookUp>,
    may_reach: fn(IpAddr) -> bool,
    schemes: &'static [&'static str],
}

impl Guard {
    /// Lets through what leads to addresses of the public network, by https, to any port.
    pub fn public() -> Self {
        Self { look_up: Arc::new(look_up), may_reach: is_public, schemes: &["https"] }
    }

    /// Lets everything through, without encryption too. For tests, whose receivers are on this machine.
    pub fn anywhere() -> Self {
        Self { look_up: Arc::new(look_up), may_reach: |_| true, schemes: &["https", "http"] }
    }

    /// What an address says itself.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid): it is not https, or names an address that is not of
    /// the public network.
    pub(crate) fn check(&self, url: &Url) -> Result<()> {
        if !self.schemes.contains(&url.scheme()) {
            return Err(wrong("url must begin with https://"));
        }
        // The parser of URLs has brought every spelling of an address, such as 0x7f.1, into the usual one. Those are
        // never looked up.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse() {
            Ok(address) if !(self.may_reach)(address) => {
                Err(wrong("url names an address that is not of the public network, which webhooks may not reach"))
            }
            _ => Ok(()),
        }
    }

    /// The addresses of a name that may be connected to.
    fn allowed(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let found = (self.look_up)(name)?;
        let allowed = found.into_iter().filter(|address| (self.may_reach)(*address));
        // The port is that of the URL.
        let allowed: Vec<SocketAddr> = allowed.map(|address| (address, 0).into()).collect();
        if allowed.is_empty() {
            return Err(io::Error::other("its name leads to no address of the public network"));
        }
        Ok(allowed)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let allowed = tokio::task::spawn_blocking(move || guard.allowed(name.as_str())).await??;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("schemes", &self.schemes).finish_non_exhaustive()
    }
}

fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// The networks of IPv4 that are not of the public network, with the bits that name them.
///
/// Source: IANA, "IPv4 Special-Purpose Address Registry"; RFC 5771 (multicast).
const PRIVATE_4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Azure's own services for the machine itself, behind an address that looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, what is reserved, broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The one network of IPv6 that addresses of the public network are given from. Outside of it are loopback, addresses
/// with one of IPv4 in them (mapped, NAT64), unique local and link-local ones, and multicast.
///
/// Source: IANA, "Internet Protocol Version 6 Address Space".
const GLOBAL_6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What within it is not of the public network.
///
/// Source: IANA, "IPv6 Special-Purpose Address Registry".
const PRIVATE_6: [(Ipv6Addr, u32); 4] = [
    // Assignments of the IETF: Teredo, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which leads to the address of IPv4 within it.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the public network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !PRIVATE_4.iter().any(|network| is_within_4(address, *network)),
        IpAddr::V6(address) => {
            is_within_6(address, GLOBAL_6) && !PRIVATE_6.iter().any(|network| is_within_6(address, *network))
        }
    }
}

fn is_within_4(address: Ipv4Addr, (network, bits): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (32 - bits) == 0
}

fn is_within_6(address: Ipv6Addr, (network, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU8, Ordering};

    use reqwest::header::HeaderMap;

    use super::*;
    use crate::sink::http::Http;

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn addresses_of_the_public_network_are_told_from_others() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.114.0",
            "223.255.255.255",
            "168.63.129.15",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00::1",
            "3ffe:ffff::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(address(public)), "{public}");
        }
        for private in [
            // IPv4: this network, private, shared (CGNAT), loopback, link-local with the services of clouds.
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.168.255.255",
            // Protocol assignments, documentation, relays of 6to4, benchmarks.
            "192.0.0.1",
            "192.0.0.170",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            // Multicast, reserved, broadcast.
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            // IPv6: unspecified, loopback, compatible and mapped IPv4, translated, NAT64.
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            // Discard, Teredo, benchmarks, ORCHID, documentation, 6to4, segment routing.
            "100::1",
            "2001::1",
            "2001:0:53aa:64c:0:0:80ff:fffe",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            // Unique local, with the services of AWS; link-local, site-local, multicast.
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address(private)), "{private}");
        }
    }

    #[test]
    fn an_address_in_a_url_is_known_in_every_spelling() {
        let check = |url: &str| Guard::public().check(&Url::parse(url).expect(url));
        for refused in [
            "https://127.0.0.1/",
            "https://127.0.0.1./",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://017700000001:8443/",
            "https://127.0.0.1:443/x",
            "https://%31%32%37.0.0.1/",
            "https://１２７.0.0.1/",
            "https://127。0。0。1/",
            "https://①②⑦.0.0.1/",
            "https://0/",
            "https://169.254.169.254/latest/meta-data/",
            "https://0xa9fea9fe/",
            "https://[::1]/",
            "https://[::]/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::169.254.169.254]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "http://hooks.example/",
            "http://1.1.1.1/",
            "ftp://1.1.1.1/",
        ] {
            let error = check(refused).expect_err(refused).to_string();
            assert!(error.contains("public network") || error.contains("https"), "{refused}: {error}");
        }
        for allowed in
            ["https://hooks.example/x", "https://hooks.example:1/", "https://1.1.1.1/", "https://[2606:4700::1]/"]
        {
            assert!(check(allowed).is_ok(), "{allowed}");
        }
    }

    #[test]
    fn a_name_leads_to_public_addresses_alone() {
        let allowed = |found: &'static [&'static str]| {
            let look_up = move |_: &str| Ok(found.iter().map(|text| address(text)).collect());
            let addresses = Guard { look_up: Arc::new(look_up), ..Guard::public() }.allowed("hooks.example");
            addresses.map(|all| all.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(allowed(&["1.1.1.1", "10.0.0.1", "::1", "2a00::1"]).expect("two"), ["1.1.1.1", "2a00::1"]);
        for none in [&["127.0.0.1"][..], &["10.0.0.1", "fd00::1"], &[]] {
            let error = allowed(none).expect_err("none is public").to_string();
            assert!(error.contains("public network"), "{error}");
        }
    }

    /// The name leads where it may when the sink is made and at the first connection, and elsewhere from then on.
    #[test]
    fn a_name_is_judged_at_every_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let elsewhere = TcpListener::bind(("127.0.0.2", port)).expect("a socket");
        elsewhere.set_nonblocking(true).expect("a socket");
        let receiver = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let _ = connection.read(&mut [0; 65_536]).expect("a request");
            connection
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .expect("written");
        });
        let asked = AtomicU8::new(0);
        let guard = Guard {
            look_up: Arc::new(move |_: &str| Ok(vec![[127, 0, 0, 1 + asked.fetch_add(1, Ordering::SeqCst)].into()])),
            may_reach: |address| address == Ipv4Addr::LOCALHOST,
            ..Guard::anywhere()
        };
        let url = format!("http://hooks.example:{port}/");
        let mut http = Http::new(&url, Some(5), Some(&guard)).expect("a client");
        let mut post = || http.post("text/plain", HeaderMap::new(), b"x".to_vec());
        assert!(post().expect("an answer").judged().is_ok());
        receiver.join().expect("the receiver");
        let failure = post().err().expect("it leads elsewhere");
        assert!(failure.why().contains("public network"), "{failure:?}");
        let nobody = elsewhere.accept().expect_err("nobody came");
        assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
    }
}
