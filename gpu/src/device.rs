//! Which devices there are, by name.

use anyhow::{Result, bail};
use burn::tensor::{Device, DeviceType};

/// Kinds of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// burn's own engine for this processor.
    Cpu,
    /// A GPU, or a software one, through Vulkan, Metal or DirectX 12.
    Wgpu,
    /// A GPU of NVIDIA; needs the feature `cuda`.
    Cuda,
}

/// A device that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What kind.
    pub kind: Kind,
    /// As it names itself.
    pub name: String,
    /// Whether this processor does the work.
    pub software: bool,
    pub(crate) device: Device,
}

impl Kind {
    /// All kinds, as written in arguments.
    pub const NAMES: [(&str, Self); 3] = [
        ("cpu", Self::Cpu),
        ("wgpu", Self::Wgpu),
        ("cuda", Self::Cuda),
    ];

    /// The kind of that name.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn named(name: &str) -> Result<Self> {
        match Self::NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, kind)) => Ok(*kind),
            None => bail!("no kind of device is called {name}: cpu, wgpu or cuda"),
        }
    }

    /// The devices of this kind on this machine, GPUs before software.
    ///
    /// # Errors
    /// When this program was built without the kind.
    pub fn devices(self) -> Result<Vec<Found>> {
        let filter = match self {
            Self::Cpu => DeviceType::Flex,
            #[cfg(feature = "wgpu")]
            Self::Wgpu => DeviceType::Wgpu,
            #[cfg(feature = "cuda")]
            Self::Cuda => DeviceType::Cuda,
            #[allow(unreachable_patterns, reason = "with all features there is no other")]
            _ => bail!("this program was built without {self:?}"),
        };
        let mut found: Vec<Found> = Device::enumerate(filter)
            .into_vec()
            .into_iter()
            .map(|device| self.found(device))
            .collect();
        found.sort_by_key(|found| found.software);
        Ok(found)
    }

    /// The first of [`Kind::devices`].
    ///
    /// # Errors
    /// As [`Kind::devices`], and when there is none.
    pub fn device(self) -> Result<Found> {
        match self.devices()?.into_iter().next() {
            Some(found) => Ok(found),
            None => bail!("this machine has no device of the kind {self:?}"),
        }
    }

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    fn found(self, device: Device) -> Found {
        let identity = device.identity();
        let software = identity
            .as_ref()
            .is_none_or(|known| known.physical.is_none());
        let name = identity.map_or_else(|| "burn flex".to_owned(), |known| known.name);
        Found {
            kind: self,
            name,
            software,
            device,
        }
    }

    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    fn found(self, device: Device) -> Found {
        Found {
            kind: self,
            name: "burn flex".to_owned(),
            software: true,
            device,
        }
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let software = if self.software { ", software" } else { "" };
        write!(f, "{} ({:?}{software})", self.name, self.kind)
    }
}
