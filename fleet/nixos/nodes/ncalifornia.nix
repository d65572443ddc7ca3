# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "ncalifornia";
    pushTokenFile = "/etc/clavitor/environment";
    region = "us-west-1";
    subdomain = "ncalifornia";
    tunnelAddress = "10.84.0.12";
  };
}
