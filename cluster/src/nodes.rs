//! The two kinds of machines: the scheduler, which hands out tasks, and executors, which work.
//!
//! Both are Ballista's own, with our operator registered. Ballista has no authentication: whoever
//! reaches the ports can run plans and read what is shuffled, so they belong on a private network
//! (docs/cluster.md).

use crate::codec::Codec;
use crate::job;
use anyhow::{Context as _, Result, ensure};
use ballista_core::config::TaskSchedulingPolicy;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

/// What `longitude-cluster scheduler` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct SchedulerArguments {
    /// The address to listen on; port 0 takes a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:50050")]
    listen: SocketAddr,
    /// Seconds without a sign of life after which an executor's tasks go to another
    #[arg(long, default_value_t = 30)]
    executor_timeout: u64,
    /// Tries of one task before the job fails
    #[arg(long, default_value_t = 4)]
    tries: usize,
}

/// What `longitude-cluster executor` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ExecutorArguments {
    /// The scheduler's host and port
    #[arg(long, default_value = "127.0.0.1:50050")]
    scheduler: String,
    /// The address on which other executors and the submitting process fetch this one's results;
    /// port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The name under which others reach this machine [default: the address it listens on]
    #[arg(long)]
    host: Option<String>,
    /// Tasks at a time [default: the cores]
    #[arg(long)]
    tasks: Option<usize>,
    /// Memory for sorting in all, in MiB; what exceeds it goes to the folder
    #[arg(long, default_value_t = 1024)]
    memory_mib: u64,
    /// The folder of intermediate data, on a disk of this machine [default: a temporary folder]
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Runs a scheduler until it is killed.
pub(crate) async fn scheduler(arguments: &SchedulerArguments) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(arguments.listen).await;
    let listener =
        listener.with_context(|| format!("{} cannot be listened on", arguments.listen))?;
    let address = listener.local_addr()?;
    let timeout = arguments.executor_timeout.max(1);
    let config = SchedulerConfig {
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        external_host: address.ip().to_string(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: timeout,
        expire_dead_executor_interval_seconds: (timeout / 3).max(1),
        no_executors_grace_period_seconds: timeout,
        finished_job_data_clean_up_interval_seconds: 60,
        task_max_failures: arguments.tries.max(1),
        stage_max_failures: arguments.tries.max(1),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await?;
    let scheduler =
        create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await?;
    println!("scheduler on {address}");
    start_grpc_service_with_listener(listener, scheduler)
        .await
        .with_context(|| format!("the scheduler on {address} stopped"))
}

/// Runs an executor until it is told to stop (Ctrl-C, SIGTERM) or loses its scheduler.
pub(crate) async fn executor(arguments: &ExecutorArguments) -> Result<()> {
    let (host, port) = arguments
        .scheduler
        .rsplit_once(':')
        .context("--scheduler takes HOST:PORT")?;
    let listen = free(arguments.listen)?;
    let temporary = match &arguments.folder {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("longitude-executor-")
                .tempdir()?,
        ),
    };
    let folder = match (&arguments.folder, &temporary) {
        (Some(folder), _) => folder.clone(),
        (None, Some(made)) => made.path().to_owned(),
        (None, None) => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    ensure!(arguments.memory_mib > 0, "--memory-mib takes at least 1");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = ExecutorProcessConfig {
        bind_host: listen.ip().to_string(),
        external_host: Some(arguments.host.clone().unwrap_or(listen.ip().to_string())),
        port: listen.port(),
        scheduler_host: host.to_owned(),
        scheduler_port: port.parse().context("--scheduler takes HOST:PORT")?,
        scheduler_connect_timeout_seconds: 60,
        vcores: arguments.tasks.unwrap_or(cores).max(1),
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(folder.to_string_lossy().into_owned()),
        job_data_ttl_seconds: 24 * 60 * 60,
        job_data_clean_up_interval_seconds: 60,
        memory_pool_size: Some(arguments.memory_mib << 20),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..ExecutorProcessConfig::default()
    };
    job::keep_scratch_in(folder);
    println!("executor on {listen}");
    let done = start_executor_process(Arc::new(config)).await;
    done.with_context(|| format!("the executor on {listen} stopped"))
}

/// Port 0 is replaced by a free one: Ballista tells others the port that it was given.
fn free(listen: SocketAddr) -> Result<SocketAddr> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    let probe = TcpListener::bind(listen).with_context(|| format!("{listen} cannot be used"))?;
    Ok(probe.local_addr()?)
}
