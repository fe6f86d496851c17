//! A file system of a few dozen MiB, mounted on a node's data folder, that can be filled and emptied again.
//!
//! ext4 in a file where loop devices are permitted, else tmpfs: both refuse with ENOSPC, ext4 also has a journal and blocks
//! that it takes for itself.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What fills the disk.
const FILLER: &str = "filler";

/// A mounted file system. Unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
    /// The file that holds the file system, if one does.
    image: Option<PathBuf>,
}

impl SmallDisk {
    /// Mounts a new file system of so many MiB on a folder.
    ///
    /// # Errors
    /// If the system does not permit it.
    pub fn mount(folder: &Path, mib: u32) -> io::Result<Self> {
        let image = folder.with_extension("ext4");
        match mount_ext4(folder, &image, mib) {
            Ok(()) => return Ok(Self { folder: folder.to_owned(), image: Some(image) }),
            Err(error) => eprintln!("no ext4 on a loop device ({error}); tmpfs instead"),
        }
        let _ = std::fs::remove_file(&image);
        let size = format!("size={mib}m,mode=0700");
        run("mount", &["-t", "tmpfs", "-o", &size, "tamga-test", text(folder)?])?;
        Ok(Self { folder: folder.to_owned(), image: None })
    }

    /// Bytes that can still be written.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.folder)?;
        Ok(found.f_bavail * found.f_frsize)
    }

    /// Takes all space but so many bytes.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn fill_up_to(&mut self, left: u64) -> io::Result<()> {
        let filler = std::fs::File::options().create(true).append(true).open(self.folder.join(FILLER))?;
        let free = self.free_bytes()?;
        if let Some(more) = free.checked_sub(left).filter(|more| *more > 0) {
            let from = filler.metadata()?.len();
            rustix::fs::fallocate(&filler, rustix::fs::FallocateFlags::empty(), from, more)?;
        }
        filler.sync_all()
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn empty(&mut self) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(FILLER))?;
        std::fs::File::open(&self.folder)?.sync_all()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a node that is being killed may still hold files. The image goes with the test's folder.
        if let Err(error) = text(&self.folder).and_then(|folder| run("umount", &["--lazy", folder])) {
            eprintln!("{} stays mounted: {error}", self.folder.display());
        }
        if let Some(image) = &self.image {
            let _ = std::fs::remove_file(image);
        }
    }
}

fn mount_ext4(folder: &Path, image: &Path, mib: u32) -> io::Result<()> {
    std::fs::File::create(image)?.set_len(u64::from(mib) << 20)?;
    // No blocks kept for root, who we are here: what is free is free for the node.
    run("mkfs.ext4", &["-q", "-m", "0", text(image)?])?;
    run("mount", &["-o", "loop", text(image)?, text(folder)?])
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("a path that is not text"))
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
