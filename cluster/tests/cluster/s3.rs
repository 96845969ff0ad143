//! A store that speaks enough of S3 for `object_store`, on the loopback interface: objects in
//! memory, whole and in parts, listings, ranges. It can break every body off in its middle.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

const BUCKET: &str = "bucket";

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    watchers: Vec<(&'static str, Sender<()>)>,
    /// After how many more writes under a name everything breaks.
    countdown: Option<(&'static str, usize)>,
    is_broken: bool,
    writes: Vec<String>,
}

pub(crate) struct Store {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

impl Store {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { state, address }
    }

    /// What a client needs to find it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        let pairs = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "test"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        owned.to_vec()
    }

    #[expect(clippy::unused_self, reason = "each store has a URL")]
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// Puts the files of a folder under a prefix.
    pub(crate) fn fill(&self, folder: &Path, prefix: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                self.fill(&path, &format!("{prefix}/{name}"));
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let mut state = self.state.lock().unwrap();
            state.objects.insert(format!("{prefix}/{name}"), bytes);
        }
    }

    /// Writes the objects under a prefix into a folder.
    pub(crate) fn copy_to(&self, prefix: &str, folder: &Path) {
        let state = self.state.lock().unwrap();
        for (name, bytes) in &state.objects {
            let Some(name) = name.strip_prefix(&format!("{prefix}/")) else {
                continue;
            };
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// The objects under a prefix.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let names = state.objects.keys().filter(|name| name.starts_with(prefix));
        names.cloned().collect()
    }

    /// A message for every write under such a name.
    pub(crate) fn watch(&self, name: &'static str) -> Receiver<()> {
        let (sender, receiver) = channel();
        self.state.lock().unwrap().watchers.push((name, sender));
        receiver
    }

    /// After so many writes under a name, bodies break off and writes fail.
    pub(crate) fn break_when(&self, name: &'static str, writes: usize) {
        self.state.lock().unwrap().countdown = Some((name, writes));
    }

    pub(crate) fn mend(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_broken = false;
        state.countdown = None;
    }

    /// The objects written so far, in order.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.state.lock().unwrap().writes.clone()
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    range: Option<(usize, usize)>,
    body: Vec<u8>,
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let (status, headers, body) = answer(&request, state);
        let is_head = request.method == "HEAD";
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.push_str("\r\n");
        let is_cut = state.lock().unwrap().is_broken && request.method == "GET" && body.len() > 1;
        let shown = if is_head { &[][..] } else { &body[..] };
        let shown = if is_cut {
            &shown[..shown.len() / 2]
        } else {
            shown
        };
        let sent = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(shown));
        if sent.is_err() || is_cut {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut range) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "range" => {
                let (from, to) = value.strip_prefix("bytes=")?.split_once('-')?;
                range = Some((from.parse().ok()?, to.parse::<usize>().ok()? + 1));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    let path = decoded(path);
    let path = path.strip_prefix(&format!("/{BUCKET}")).unwrap_or(&path);
    Some(Request {
        method,
        path: path.trim_start_matches('/').to_owned(),
        query: pairs.collect(),
        range,
        body,
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let (b'%', Some(code)) = (first, code) {
            bytes.push(code);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

type Answer = (&'static str, Vec<(&'static str, String)>, Vec<u8>);

fn answer(request: &Request, state: &Mutex<State>) -> Answer {
    let mut state = state.lock().unwrap();
    let query = |name: &str| request.query.get(name);
    match request.method.as_str() {
        "GET" if query("list-type").is_some() => listing(request, &state),
        "GET" | "HEAD" => object(request, &state),
        "PUT" | "POST" if state.is_broken => ("500 Broken", Vec::new(), Vec::new()),
        "PUT" => {
            if let (Some(upload), Some(part)) = (query("uploadId"), query("partNumber")) {
                let parts = state.uploads.entry(upload.clone()).or_default();
                parts.insert(part.parse().unwrap(), request.body.clone());
            } else {
                wrote(&mut state, &request.path, request.body.clone());
            }
            ("200 OK", vec![("ETag", "\"tag\"".to_owned())], Vec::new())
        }
        "POST" if query("uploads").is_some() => {
            let id = format!("upload-{}", state.uploads.len());
            state.uploads.insert(id.clone(), BTreeMap::new());
            let body = format!(
                "<InitiateMultipartUploadResult><UploadId>{id}</UploadId>\
                 </InitiateMultipartUploadResult>"
            );
            ("200 OK", Vec::new(), body.into_bytes())
        }
        "POST" if query("uploadId").is_some() => {
            let parts = state.uploads.remove(query("uploadId").unwrap()).unwrap();
            let whole = parts.into_values().flatten().collect();
            wrote(&mut state, &request.path, whole);
            let body = "<CompleteMultipartUploadResult><ETag>tag</ETag>\
                        </CompleteMultipartUploadResult>";
            ("200 OK", Vec::new(), body.as_bytes().to_vec())
        }
        "POST" if query("delete").is_some() => {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let mut body = "<DeleteResult>".to_owned();
            for part in text.split("<Key>").skip(1) {
                let key = part.split("</Key>").next().unwrap();
                state.objects.remove(key);
                write!(body, "<Deleted><Key>{key}</Key></Deleted>").unwrap();
            }
            body.push_str("</DeleteResult>");
            ("200 OK", Vec::new(), body.into_bytes())
        }
        "DELETE" => {
            state.objects.remove(&request.path);
            ("204 No Content", Vec::new(), Vec::new())
        }
        other => panic!("the store does not know {other}"),
    }
}

fn wrote(state: &mut State, path: &str, bytes: Vec<u8>) {
    state.objects.insert(path.to_owned(), bytes);
    state.writes.push(path.to_owned());
    // A watcher that has seen enough is gone.
    let tell =
        |watcher: &(&str, Sender<()>)| !path.contains(watcher.0) || watcher.1.send(()).is_ok();
    state.watchers.retain(tell);
    if let Some((name, left)) = &mut state.countdown
        && path.contains(*name)
    {
        *left = left.saturating_sub(1);
        state.is_broken |= *left == 0;
    }
}

fn object(request: &Request, state: &State) -> Answer {
    let Some(bytes) = state.objects.get(&request.path) else {
        return ("404 Not Found", Vec::new(), Vec::new());
    };
    let mut headers = vec![
        ("ETag", "\"tag\"".to_owned()),
        ("Last-Modified", "Tue, 01 Jan 2030 00:00:00 GMT".to_owned()),
    ];
    let Some((from, to)) = request.range else {
        return ("200 OK", headers, bytes.clone());
    };
    let to = to.min(bytes.len());
    let range = format!("bytes {from}-{}/{}", to.saturating_sub(1), bytes.len());
    headers.push(("Content-Range", range));
    ("206 Partial Content", headers, bytes[from..to].to_vec())
}

fn listing(request: &Request, state: &State) -> Answer {
    let prefix = request.query.get("prefix").cloned().unwrap_or_default();
    let mut body = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (name, bytes) in state
        .objects
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix))
    {
        write!(
            body,
            "<Contents><Key>{name}</Key><Size>{}</Size><ETag>\"tag\"</ETag>\
             <LastModified>2030-01-01T00:00:00.000Z</LastModified></Contents>",
            bytes.len()
        )
        .unwrap();
    }
    body.push_str("</ListBucketResult>");
    ("200 OK", Vec::new(), body.into_bytes())
}
