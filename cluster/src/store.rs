//! Places: a local folder or a prefix in an object store, named by a path or a URL.
//!
//! Everything that scheduler, executors and the submitting process share goes through here. A
//! failing store is an error with the object's name, never an issue of the data: whoever reads a
//! record reads it from a copy that arrived whole.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Tries of one request beyond the first. The cluster tries the whole task again on top.
const RETRIES_MAX: usize = 4;
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);
/// Bytes of a part of a large upload; S3 takes none smaller than 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// A folder or prefix. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    store: Arc<dyn ObjectStore>,
    root: Key,
    url: String,
    folder: Option<PathBuf>,
}

impl Place {
    /// Opens `file:///folder`, a plain path, `s3://bucket/prefix`, `az://` or `gs://`. Credentials
    /// come from the environment of each process (`AWS_*`, `AZURE_*`, `GOOGLE_*`) and travel
    /// nowhere.
    pub(crate) fn open(place: &str) -> Result<Self> {
        let Some((scheme, rest)) = place.split_once("://") else {
            return Self::folder(Path::new(place));
        };
        let prefix = rest.split_once('/').map_or("", |(_, prefix)| prefix);
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
        };
        let store: Arc<dyn ObjectStore> = match scheme {
            "file" => return Self::folder(Path::new(rest)),
            "s3" => {
                let builder = AmazonS3Builder::from_env().with_url(place);
                Arc::new(builder.with_retry(retry).build()?)
            }
            "az" | "abfs" | "abfss" => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(place);
                Arc::new(builder.with_retry(retry).build()?)
            }
            "gs" => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(place);
                Arc::new(builder.with_retry(retry).build()?)
            }
            _ => bail!("{place} is no place that is known; use a folder, s3://, az:// or gs://"),
        };
        Ok(Self {
            store,
            root: Key::parse(prefix).with_context(|| format!("{place} names no prefix"))?,
            url: place.trim_end_matches('/').to_owned(),
            folder: None,
        })
    }

    fn folder(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        let root = Key::from_absolute_path(&folder)
            .with_context(|| format!("{} is no usable path", folder.display()))?;
        Ok(Self {
            store: Arc::new(LocalFileSystem::new()),
            root,
            url: format!("file://{}", folder.display()),
            folder: Some(folder),
        })
    }

    /// The URL under which every machine finds this place.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The folder, where this is a local one.
    pub(crate) fn as_folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// A place inside this one.
    pub(crate) fn below(&self, name: &str) -> Self {
        Self {
            store: Arc::clone(&self.store),
            root: self.key(name),
            url: format!("{}/{name}", self.url),
            folder: self.folder.as_ref().map(|folder| folder.join(name)),
        }
    }

    fn key(&self, name: &str) -> Key {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(self.root.clone(), Key::join)
    }

    fn failed(&self, verb: &str, name: &str) -> String {
        format!("{}/{name} could not be {verb}", self.url)
    }

    /// Whether an object stands there.
    pub(crate) async fn has(&self, name: &str) -> Result<bool> {
        match self.store.head(&self.key(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error).with_context(|| self.failed("looked up", name)),
        }
    }

    /// A small object whole, or `None` where there is none.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        match self.store.get(&self.key(name)).await {
            Ok(found) => {
                let bytes = found.bytes().await;
                Ok(Some(bytes.with_context(|| self.failed("read", name))?))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| self.failed("read", name)),
        }
    }

    /// A small object that must be there.
    pub(crate) async fn need(&self, name: &str) -> Result<Bytes> {
        let found = self.get(name).await?;
        found.with_context(|| format!("{}/{name} is missing", self.url))
    }

    /// Puts a small object whole; it takes the place of an older one.
    pub(crate) async fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Result<()> {
        let put = self.store.put(&self.key(name), bytes.into().into()).await;
        put.map(drop).with_context(|| self.failed("written", name))
    }

    /// Puts a file as an object, which appears once it is whole.
    pub(crate) async fn upload(&self, name: &str, from: &Path) -> Result<()> {
        let mut file = tokio::fs::File::open(from).await?;
        let bytes = file.metadata().await?.len();
        if bytes <= PART_BYTES as u64 {
            let mut whole = Vec::new();
            file.read_to_end(&mut whole).await?;
            return self.put(name, whole).await;
        }
        let failed = || self.failed("written", name);
        let upload = self.store.put_multipart(&self.key(name)).await;
        let mut writer =
            WriteMultipart::new_with_chunk_size(upload.with_context(failed)?, PART_BYTES);
        let mut part = vec![0; PART_BYTES];
        loop {
            let count = file.read(&mut part).await?;
            if count == 0 {
                break;
            }
            writer.wait_for_capacity(2).await.with_context(failed)?;
            writer.write(&part[..count]);
        }
        writer.finish().await.map(drop).with_context(failed)
    }

    /// Copies an object, or `range` of its bytes, into a file.
    pub(crate) async fn download(
        &self,
        name: &str,
        range: Option<Range<u64>>,
        to: &Path,
    ) -> Result<()> {
        let mut file = tokio::fs::File::create(to).await?;
        let mut chunks = self.read(name, range).await?;
        while let Some(chunk) = chunks.try_next().await? {
            file.write_all(&chunk).await?;
        }
        Ok(file.flush().await?)
    }

    /// The bytes of an object, or of a `range` of it, as they arrive. A stream that breaks off is
    /// an error, and so is one that is shorter than asked for.
    pub(crate) async fn read(
        &self,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<futures::stream::BoxStream<'static, Result<Bytes>>> {
        let failed = self.failed("read", name);
        let options = object_store::GetOptions {
            range: range.clone().map(object_store::GetRange::Bounded),
            ..object_store::GetOptions::default()
        };
        let found = self.store.get_opts(&self.key(name), options).await;
        let found = found.with_context(|| failed.clone())?;
        let wanted = range.map_or(found.meta.size, |range| range.end - range.start);
        let mut arrived = 0;
        let chunks = found
            .into_stream()
            .map(Some)
            .chain(futures::stream::iter([None]));
        let checked = chunks.filter_map(move |chunk| {
            let answer = match chunk {
                Some(Ok(bytes)) => {
                    arrived += bytes.len() as u64;
                    Some(Ok(bytes))
                }
                Some(Err(error)) => Some(Err(anyhow::Error::new(error).context(failed.clone()))),
                None if arrived == wanted => None,
                None => Some(Err(anyhow::anyhow!(
                    "{failed}: {arrived} of {wanted} bytes"
                ))),
            };
            futures::future::ready(answer)
        });
        Ok(checked.boxed())
    }

    /// The objects below, each with its name relative to this place, its size and its version (the
    /// store's tag, or the time of its last change).
    pub(crate) async fn list(&self) -> Result<Vec<Object>> {
        let failed = || format!("{} could not be listed", self.url);
        let found: Vec<_> = self
            .store
            .list(Some(&self.root))
            .try_collect()
            .await
            .with_context(failed)?;
        let objects = found.into_iter().filter_map(|meta| {
            let parts: Vec<_> = meta.location.prefix_match(&self.root)?.collect();
            let name: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
            let changed = meta.last_modified.timestamp_micros();
            Some(Object {
                name: name.join("/"),
                bytes: meta.size,
                version: meta.e_tag.unwrap_or_else(|| changed.to_string()),
            })
        });
        let mut objects: Vec<_> = objects.filter(|object| !object.name.is_empty()).collect();
        objects.sort();
        Ok(objects)
    }

    /// Removes every object below.
    pub(crate) async fn clear(&self) -> Result<()> {
        for object in self.list().await? {
            let deleted = self.store.delete(&self.key(&object.name)).await;
            deleted.with_context(|| self.failed("removed", &object.name))?;
        }
        if let Some(folder) = self.as_folder().filter(|folder| folder.exists()) {
            std::fs::remove_dir_all(folder)
                .with_context(|| format!("{} could not be removed", folder.display()))?;
        }
        Ok(())
    }
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    /// Relative, with `/`.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) version: String,
}
