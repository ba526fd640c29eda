//! What a script says, in frames with lengths, and the parser that trusts nothing but them.
//!
//! ```text
//! @NONCE KIND INDEX STATUS LENGTH\n  LENGTH bytes  \n
//! ```
//!
//! Output of commands only ever travels as such bytes, so it cannot forge a frame. What comes before the first frame (messages of the
//! day, `.bashrc`) is passed over.

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Of the task or part it is about.
    pub index: u32,
    /// Exit status, where there is one.
    pub status: i32,
    /// Payload.
    pub bytes: Vec<u8>,
}

/// Kinds of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// First of all.
    Hello,
    /// A task begins.
    Begin,
    /// The last line of what a task printed so far.
    Line,
    /// A task ended.
    Result,
    /// Part of an answer.
    Answer,
    /// Send me the content for this.
    Want,
    /// Another run has taken over.
    Fenced,
    /// Nothing comes after this.
    End,
}

/// The stream breaks the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    #[error("{0} bytes came before the first frame")]
    Noise(usize),
    #[error("no frame where one must begin")]
    NoFrame,
    #[error("a frame of {0} bytes")]
    TooLarge(u64),
    #[error("more than {MAX_TOTAL} bytes altogether")]
    TooMuch,
}

/// Largest payload of a frame.
pub const MAX_FRAME: u64 = 32 << 20;
/// Most that a batch says altogether, in frames.
pub const MAX_TOTAL: u64 = 128 << 20;
/// Most noise before the first frame.
pub const MAX_NOISE: usize = 1 << 20;
const MAX_HEADER: usize = 160;

/// Takes bytes as they come, gives frames as they are whole.
pub struct Parser {
    nonce: String,
    buffer: Vec<u8>,
    greeted: bool,
    noise: usize,
    total: u64,
}

impl Parser {
    /// For frames with this nonce.
    pub fn new(nonce: &str) -> Self {
        Self { nonce: nonce.into(), buffer: Vec::new(), greeted: false, noise: 0, total: 0 }
    }

    /// More bytes: the frames that are whole now.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, Nonsense> {
        self.buffer.extend_from_slice(bytes);
        let mut frames = Vec::new();
        if !self.greeted && !self.find_hello()? {
            return Ok(frames);
        }
        let mut at = 0;
        while let Some((frame, used)) = self.frame(at)? {
            self.total += used as u64;
            if self.total > MAX_TOTAL {
                return Err(Nonsense::TooMuch);
            }
            at += used;
            frames.push(frame);
        }
        self.buffer.drain(..at);
        Ok(frames)
    }

    fn find_hello(&mut self) -> Result<bool, Nonsense> {
        let hello = format!("@{} h ", self.nonce);
        if let Some(at) = find(&self.buffer, hello.as_bytes()) {
            self.buffer.drain(..at);
            self.greeted = true;
            return Ok(true);
        }
        // Keep only what may be the beginning of it.
        let keep = self.buffer.len().min(hello.len());
        self.noise += self.buffer.len() - keep;
        self.buffer.drain(..self.buffer.len() - keep);
        if self.noise > MAX_NOISE { Err(Nonsense::Noise(self.noise)) } else { Ok(false) }
    }

    fn frame(&self, at: usize) -> Result<Option<(Frame, usize)>, Nonsense> {
        let rest = &self.buffer[at..];
        let Some(end) = rest.iter().take(MAX_HEADER).position(|b| *b == b'\n') else {
            return if rest.len() >= MAX_HEADER { Err(Nonsense::NoFrame) } else { Ok(None) };
        };
        let header = std::str::from_utf8(&rest[..end]).map_err(|_| Nonsense::NoFrame)?;
        let mut fields = header.split(' ');
        if fields.next().and_then(|f| f.strip_prefix('@')) != Some(&self.nonce) {
            return Err(Nonsense::NoFrame);
        }
        let kind = match fields.next() {
            Some("h") => Kind::Hello,
            Some("b") => Kind::Begin,
            Some("p") => Kind::Line,
            Some("r") => Kind::Result,
            Some("a") => Kind::Answer,
            Some("w") => Kind::Want,
            Some("f") => Kind::Fenced,
            Some("e") => Kind::End,
            _ => return Err(Nonsense::NoFrame),
        };
        let mut number = || fields.next().and_then(|f| f.parse::<i64>().ok()).ok_or(Nonsense::NoFrame);
        let (index, status, length) = (number()?, number()?, number()?);
        if fields.next().is_some() {
            return Err(Nonsense::NoFrame);
        }
        let (index, status, length) = (
            u32::try_from(index).map_err(|_| Nonsense::NoFrame)?,
            i32::try_from(status).map_err(|_| Nonsense::NoFrame)?,
            u64::try_from(length).map_err(|_| Nonsense::NoFrame)?,
        );
        if length > MAX_FRAME {
            return Err(Nonsense::TooLarge(length));
        }
        let (from, to) = (end + 1, end + 1 + length as usize);
        if rest.len() <= to {
            return Ok(None);
        }
        if rest[to] != b'\n' {
            return Err(Nonsense::NoFrame);
        }
        Ok(Some((Frame { kind, index, status, bytes: rest[from..to].to_vec() }, to + 1)))
    }
}

/// Where `needle` begins.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: &str = "0123456789abcdef";

    fn hello() -> Vec<u8> {
        format!("@{N} h 0 0 0\n\n").into_bytes()
    }

    #[test]
    fn whole_stream_in_any_pieces() {
        let body = format!("@{N} e 1 0 0\n");
        let mut stream = b"Welcome!\n@cafe h 0 0 0\nnoise ".to_vec();
        stream.extend(hello());
        stream.extend(format!("@{N} a 3 -1 {}\n{body}\n@{N} e 0 0 0\n\n", body.len()).as_bytes());
        for size in 1..stream.len() {
            let mut parser = Parser::new(N);
            let frames: Vec<Frame> = stream.chunks(size).flat_map(|piece| parser.push(piece).unwrap()).collect();
            assert_eq!(frames.len(), 3, "in pieces of {size}");
            assert_eq!(frames[1], Frame { kind: Kind::Answer, index: 3, status: -1, bytes: body.clone().into_bytes() });
            assert_eq!(frames[2].kind, Kind::End);
        }
    }

    #[test]
    fn nothing_but_frames_after_the_first() {
        for bad in ["hello\n", "@beef e 0 0 0\n\n", "@0123456789abcdef z 0 0 0\n\n", "@0123456789abcdef e 0 0 -1\n\n", "@0123456789abcdef e 0 0 0 0\n\n", "@0123456789abcdef e 0 0 0\nx"] {
            let mut parser = Parser::new(N);
            parser.push(&hello()).unwrap();
            assert_eq!(parser.push(bad.as_bytes()), Err(Nonsense::NoFrame), "{bad:?}");
        }
        let mut parser = Parser::new(N);
        parser.push(&hello()).unwrap();
        assert!(matches!(parser.push(format!("@{N} a 0 0 99999999999\n").as_bytes()), Err(Nonsense::TooLarge(_))));
        let mut parser = Parser::new(N);
        parser.push(&hello()).unwrap();
        assert_eq!(parser.push(&[b'x'; 200]), Err(Nonsense::NoFrame));
    }

    #[test]
    fn endless_noise_is_refused() {
        let mut parser = Parser::new(N);
        let piece = vec![b'n'; 64 << 10];
        let error = (0..64).find_map(|_| parser.push(&piece).err());
        assert!(matches!(error, Some(Nonsense::Noise(_))));
    }
}
