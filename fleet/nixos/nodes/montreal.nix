# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "montreal";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ca-central-1";
    subdomain = "montreal";
    tunnelAddress = "10.84.0.13";
  };
}
