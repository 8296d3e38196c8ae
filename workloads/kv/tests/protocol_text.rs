//! The text protocols against memcached 1.6 itself: the same bytes in, the same bytes out.

mod protocol_support;

use protocol_support::compare;

fn same(script: impl AsRef<[u8]>) {
    let script = script.as_ref();
    // In one piece, and in pieces that cut lines, values and line ends.
    let pieces: &[usize] = if script.len() > 100_000 {
        &[usize::MAX, 1000]
    } else {
        &[usize::MAX, 7, 1]
    };
    if let Err(difference) = compare(script, pieces) {
        panic!("{difference}");
    }
}

fn key(len: usize) -> String {
    "k".repeat(len)
}

#[test]
fn storage_commands() {
    same("set a 0 0 1\r\n1\r\nget a\r\nset a 7 0 0\r\n\r\nget a\r\ngets a\r\n");
    same("add a 1 0 1\r\nx\r\nadd a 2 0 1\r\ny\r\nget a\r\nreplace b 0 0 1\r\nz\r\n");
    same("replace a 0 0 1\r\nz\r\nset a 3 0 1\r\nm\r\nreplace a 4 0 2\r\nzz\r\nget a\r\n");
    same(
        "append a 0 0 1\r\nz\r\nset a 3 0 1\r\nm\r\nappend a 9 0 2\r\nzz\r\nprepend a 9 0 1\r\n<\r\ngets a\r\n",
    );
    same(
        "set a 0 0 1\r\n1\r\ngets a\r\ncas a 0 0 1 1\r\n2\r\ncas a 0 0 1 1\r\n3\r\ncas b 0 0 1 1\r\n4\r\ngets a\r\ncas a 0 0 1 0\r\n5\r\n",
    );
    same(
        "set a 4294967295 0 1\r\n1\r\nget a\r\nset a 4294967296 0 1\r\n1\r\nget a\r\nset a -1 0 1\r\n1\r\n",
    );
    same(
        "set a 0 -1 1\r\n1\r\nget a\r\nset a 0 100 1\r\n1\r\nget a\r\nset a 0 2592001 1\r\n1\r\nget a\r\n",
    );
    same("set a\tb 0 0 1\r\n1\r\nget a\tb\r\nset \x01\x7f 0 0 1\r\n1\r\nget \x01\x7f\r\n");
    same(
        "set a 0 0 1 noreply\r\n1\r\nget a\r\nadd a 0 0 1 noreply\r\n1\r\nset a 0 0 1 other\r\n2\r\nget a\r\n",
    );
}

#[test]
fn retrieval_commands() {
    same("set a 1 0 1\r\n1\r\nset b 2 0 2\r\n22\r\nget a b c\r\ngets b  a\r\nget c\r\nget a \r\n");
    same("get\r\nget \r\ngets\r\n get a\r\nGET a\r\ngetx a\r\nget a\n");
    // memcached drops replies that it has not sent yet when a later get is refused, so one each.
    same(format!("get {}\r\n", key(250)));
    same(format!("get a {}\r\n", key(251)));
    same(format!("get {} a\r\n", key(251)));
    let many: Vec<String> = (0..200).map(|i| format!("key{i}")).collect();
    same(format!(
        "set key7 0 0 1\r\n7\r\nset key150 1 0 1\r\n8\r\nget {}\r\n",
        many.join(" ")
    ));
    same(format!(
        "set key7 0 0 1\r\n7\r\nmn\r\nget {} {}\r\n",
        many.join(" "),
        key(251)
    ));
    same(
        "set a 1 0 1\r\n1\r\ngat 100 a\r\ngats 0 a b a\r\ngat x a\r\ngat 10\r\ngat\r\ngat -1 a\r\nget a\r\n",
    );
    same("bget a\r\nbget\r\nset a 0 0 1\r\n1\r\nbget a\r\n");
    same(b"set a 0 0 1\r\n1\r\nget a\0b\r\nget \0\r\n\0\r\n");
}

#[test]
fn deletion_touch_and_flush() {
    same(
        "set a 0 0 1\r\n1\r\ndelete a\r\ndelete a\r\ndelete\r\ndelete a 0\r\ndelete a 1\r\ndelete a 0 noreply\r\ndelete a noreply\r\ndelete a 1 noreply\r\ndelete a b c d\r\n",
    );
    same(format!(
        "delete {}\r\ndelete {} noreply\r\nmn\r\n",
        key(251),
        key(251)
    ));
    same(
        "touch a 0\r\nset a 0 0 1\r\n1\r\ntouch a 10\r\ntouch a\r\ntouch a x\r\ntouch a x noreply\r\ntouch a 10 noreply\r\ntouch a -1\r\nget a\r\n",
    );
    same("set a 0 0 1\r\n1\r\nflush_all\r\nget a\r\nset a 0 0 1\r\n2\r\ngets a\r\n");
    // It takes with it what is stored in its second, until the next flush says otherwise.
    same("flush_all 1\r\nset a 0 0 1\r\n1\r\nget a\r\nadd a 0 0 1\r\n2\r\ncas a 0 0 1 1\r\n3\r\n");
    same("flush_all 1\r\nset a 0 0 1\r\n1\r\nflush_all\r\nset a 0 0 1\r\n2\r\ngets a\r\n");
    same(
        "set a 0 0 1\r\n1\r\nflush_all 100\r\nget a\r\nflush_all 0\r\nget a\r\nflush_all x\r\nflush_all noreply\r\nflush_all x noreply\r\nflush_all -5\r\nflush_all 1 2 3\r\nflush_all 0 noreply\r\n",
    );
    same(
        "set a 0 0 1\r\n1\r\nflush_all 1\r\nget a\r\nset a 0 0 1\r\n1\r\nflush_all 1 noreply\r\nget a\r\n",
    );
}

#[test]
fn arithmetic() {
    same(
        "incr a 1\r\nset a 0 0 2\r\n10\r\ndecr a 1\r\nget a\r\nincr a 91\r\nget a\r\nincr a 1\r\ngets a\r\n",
    );
    same(
        "set a 0 0 20\r\n18446744073709551615\r\nincr a 1\r\nget a\r\ndecr a 5\r\nincr a 18446744073709551615\r\nget a\r\n",
    );
    same(
        "set a 5 0 1\r\n9\r\nincr a 1\r\nget a\r\nincr a x\r\nincr a -1\r\nincr a\r\nincr a 1 noreply\r\nincr a 1 2 3\r\nget a\r\n",
    );
    same(
        "set a 0 0 3\r\nabc\r\nincr a 1\r\nset a 0 0 0\r\n\r\nincr a 1\r\nset a 0 0 2\r\n 5\r\nincr a 1\r\nget a\r\nset a 0 0 4\r\n5 xx\r\nincr a 1\r\nget a\r\n",
    );
    same(
        "set a 0 0 2\r\n-1\r\nincr a 1\r\nset a 0 0 20\r\n99999999999999999999\r\nincr a 1\r\nset a 0 0 3\r\n1x2\r\ndecr a 1\r\n",
    );
    same(format!(
        "incr {} 1\r\nincr {} 1 noreply\r\nmn\r\n",
        key(251),
        key(251)
    ));
}

#[test]
fn malformed_requests() {
    same("\r\n\n  \r\na\r\nbogus\r\nset\r\nset a\r\nset a 0 0\r\nset a 0 0 1 2 3\r\n1\r\n");
    same("set a x 0 1\r\n1\r\nset a 0 x 1\r\n1\r\nset a 0 0 x\r\n1\r\nset a 0 0 -1\r\n1\r\n");
    same("set a 0 0 1\r\n12\r\nget a\r\nset a 0 0 3\r\n1\r\nget a\r\nmn\r\n");
    same("set a 0 0 1 noreply\r\n12\r\nmn\r\ncas a 0 0 1 x\r\n1\r\ncas a 0 0 1\r\n1\r\n");
    same(format!(
        "set {} 0 0 1\r\n1\r\nset {} 0 0 1\r\n1\r\nget {}\r\n",
        key(251),
        key(250),
        key(250)
    ));
    same("version x\r\nverbosity\r\nverbosity 0\r\nverbosity x\r\nverbosity 0 noreply\r\nverbosity 0 1 2\r\nmn\r\n".replace("version x\r\n", ""));
    same("shutdown\r\nquitx\r\nmx\r\nm\r\nmn extra\r\nmgx a\r\nstats bogus\r\nquit\r\nget a\r\n");
    same("hello HTTP/1.1\r\nmn\r\n");
    same("get HTTP/1.1\r\nsomething HTTP/1.1\r\nmn\r\n");
    same("x".repeat(5000));
    same(format!("{}\r\nmn\r\n", "x".repeat(1500)));
    same("stats sizes\r\nstats reset\r\nstats detail off\r\nstats detail\r\n");
    let words = "w ".repeat(40);
    same(format!(
        "set {words}\r\nincr {words}\r\ndelete {words}\r\ntouch {words}\r\nbogus {words}\r\nmg {words}\r\n"
    ));
}

#[test]
fn the_item_limit() {
    // Header, NUL, cas and line end take 59 bytes of the mebibyte, flags four more.
    for (flags, len) in [
        (0, 1_048_516),
        (0, 1_048_517),
        (5, 1_048_512),
        (5, 1_048_513),
    ] {
        let value = "v".repeat(len);
        same(format!(
            "set a 0 0 3\r\nold\r\nset a {flags} 0 {len}\r\n{value}\r\nadd a 0 0 1\r\nx\r\nadd b {flags} 0 {len} noreply\r\n{value}\r\nmn\r\n"
        ));
    }
    let value = "v".repeat(600_000);
    same(format!(
        "set a 0 0 600000\r\n{value}\r\nappend a 0 0 600000\r\n{value}\r\nincr a 1\r\nms a 1800000\r\n{value}{value}{value}\r\nmn\r\n"
    ));
}

#[test]
fn meta_get() {
    same(
        "mg a\r\nmg a v\r\nset a 3 0 2\r\nab\r\nmg a\r\nmg a v\r\nmg a s v f c t k O123\r\nmg a h\r\nmg a h\r\nmg a u h\r\n",
    );
    same(
        "set a 3 100 2\r\nab\r\nmg a t\r\nmg a t T30 t\r\nmg a t\r\nmg a q\r\nmg b q\r\nmg b k O9\r\nmn\r\n",
    );
    same(
        "mg a N30 v t c\r\nmg a N30 v t\r\nmg a v\r\nms a 2 T90\r\nxx\r\nmg a R30 v t\r\nmg a R100 v t\r\nmg a R100 v\r\n",
    );
    same(
        "mg\r\nmg a v v\r\nmg a !\r\nmg a x\r\nmg a T\r\nmg a Tx\r\nmg a N\r\nmg a Oaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nmg a S\r\nmg a E1\r\nmg a Fx\r\nmg a Fx Cx\r\nmg a Cx Fx\r\n",
    );
    same(
        "mg Zm9v b\r\nset foo 0 0 1\r\n1\r\nmg Zm9v b v k\r\nms Zm9v b 1\r\nms Zm9v 1 b\r\n2\r\nmg Zm9v b v k\r\nmg foo v k\r\nget foo\r\n",
    );
    same(
        "mg Zm9 b\r\nmg = b\r\nmg !!!! b\r\nmg Zm8= b k\r\nmg Zg== b k\r\nmg Zm9vYg b k\r\nmg Zm9vb b\r\nmg Zm9= b k\r\nmg Zm9vZm9v b k q v\r\nmg Zm9w b N0 k\r\n",
    );
    same(format!(
        "mg {}\r\nmg {} v\r\nmg {} b\r\nms {} 1\r\nmd {}\r\nma {}\r\nme {}\r\n",
        key(250),
        key(251),
        key(251),
        key(251),
        key(251),
        key(251),
        key(251)
    ));
    same(
        "mg a 1 2 3 4 5 6 7 8 9 0 a b c d e f g h i j k\r\nmg a b c d e f g h i j k l m n o p q r\r\n",
    );
}

#[test]
fn meta_set() {
    same(
        "ms a 2\r\nab\r\nmg a v\r\nms a 2 c\r\ncd\r\nms a 2 F5 T100 k O1 c q\r\nef\r\nms a S2\r\nms a\r\nms\r\nms a x\r\nmg a v f t\r\n",
    );
    same(
        "ms a 1 ME\r\nx\r\nms a 1 ME\r\ny\r\nms a 1 MA\r\nz\r\nms a 1 MP\r\nw\r\nms b 1 MA\r\nx\r\nms b 1 MR\r\nx\r\nms a 1 MR\r\nq\r\nms a 1 MS\r\nr\r\nms a 1 MX\r\nx\r\nms a 1 M\r\nx\r\nms a 1 MEE\r\nx\r\nmg a v\r\n",
    );
    same(
        "ms a 1\r\nx\r\nmg a c\r\nms a 1 C1\r\ny\r\nms a 1 C1 q k\r\nz\r\nms b 1 C1\r\nx\r\nms a 1 C0\r\nx\r\nms a 1 MA C9\r\nx\r\nms a 1 MA C2 c\r\nx\r\nms a 1 ME C3\r\nx\r\nmg a v c\r\n",
    );
    same(
        "ms a 1 T100\r\nx\r\nmg a c\r\nms a 1 C0 I\r\nw\r\nms a 1 T100\r\ny\r\nms a 1 C1 I T30\r\nz\r\nmg a v t c\r\nmg a v\r\nms a 1\r\nv\r\nmg a v\r\n",
    );
    same(
        "ms a 2\r\nabc\r\nmn\r\nms a 2 q\r\nabc\r\nmn\r\nms a -1\r\nms a 2 !\r\nab\r\nms a 2 k k\r\nab\r\nms a 2 Fx\r\nab\r\nmn\r\n",
    );
    same(
        "ms a 2 Oaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nab\r\nms a 2 Oaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa MX\r\nab\r\nms a 2 b\r\nab\r\nmn\r\n",
    );
}

#[test]
fn meta_delete_and_arithmetic() {
    same(
        "md a\r\nmd a q\r\nms a 1\r\nx\r\nmd a k O1\r\nms a 1\r\nx\r\nmd a q\r\nmg a\r\nmd a !\r\nmd a q q\r\nmd\r\nmd a Oaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
    );
    same(
        "ms a 1 T90\r\nx\r\nmd a C9\r\nmd a I T30\r\nmg a v t c\r\nmg a v\r\nmd a C2\r\nmg a\r\nms a 1\r\nx\r\nmd a I q\r\nmg a c s\r\n",
    );
    same(
        "ma a\r\nma a q k O1\r\nms a 2\r\n10\r\nma a\r\nma a v\r\nma a D5 v c t k O7\r\nma a MD D100 v\r\nma a M- v\r\nma a MI v\r\nma a M+ v\r\nma a MX\r\nma a q v\r\nma a v\r\n",
    );
    same(
        "ma a N0 J13 v\r\nma a N0 J13 v\r\nma b N90 v t c q\r\nmg b v t\r\nma a T60 v t\r\nma a t\r\nma a C99 v\r\nma a Dx\r\nma a Jx\r\nma\r\n",
    );
    same(
        "ms a 2\r\nab\r\nma a\r\nma a q\r\nms a 1\r\n9\r\nma a v\r\nma a MD v\r\nmg a v s\r\nma YQ== b v k\r\n",
    );
    same("me a\r\nme\r\nme Zm9 b\r\nme Zm9v b\r\n");
}
