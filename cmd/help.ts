export const rootHelp = `pilot-agent supervises an Envoy sidecar: it writes Envoy's bootstrap, starts Envoy, answers health probes, serves
merged metrics and drains before it leaves.

Usage:
  pilot-agent <command> [flags]

Commands:
  proxy [sidecar|router]             run Envoy as a sidecar (default) or a router
  status                             epochs, readiness and restarts; --watch keeps on
  restart                            hot-restart Envoy and print the outcome
  wait                               wait until the sidecar is ready
  request <method> <path> [<body>]   call Envoy's admin interface or the agent's status port
  istio-iptables                     send a pod's traffic through Envoy, by iptables
  istio-clean-iptables               take that away again
  mesh --meshDir <dir> --for <pod>   what a sidecar gets of a mesh, and why
  validate -f <path>                 check the YAML of a mesh: Sidecar, ServiceEntry, Service ...
  kube-inject -f <file>              add the sidecar to the Pods of a YAML file
  injector                           the webhook that adds it as Kubernetes creates Pods
  version                            print the version
  help [<command>]                   print this, or the help of a command

Examples:
  pilot-agent proxy sidecar --localConfig examples/productpage     Envoy from files, no control plane
  pilot-agent proxy --print-config --drainDuration 30s             what would be in force, and why
  pilot-agent wait --timeoutSeconds 30                             hold an application until the sidecar serves
  pilot-agent request GET stats?filter=server.state                ask Envoy
`;
